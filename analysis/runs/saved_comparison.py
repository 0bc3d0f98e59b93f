"""A comparison as its folder holds it: enough to draw it again, and to go along its paths, without the model."""

from dataclasses import dataclass
from pathlib import Path

from whichway.analysis.clouds.ground_metrics import read_cross_attention
from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.families.conditioning_file import read_conditionings
from whichway.analysis.files import read_json
from whichway.analysis.paths.conditioning_path import join
from whichway.analysis.runs.comparison import CONDITIONINGS, GROUND, KIND
from whichway.analysis.runs.comparison_settings import ComparisonSettings
from whichway.analysis.runs.frame_index import FrameIndex
from whichway.analysis.runs.frame_renderer import read_strip
from whichway.analysis.runs.frame_store import FrameStore
from whichway.analysis.runs.geodesic_store import read_solved
from whichway.analysis.runs.method_results import MethodResult
from whichway.analysis.runs.rendered_paths import RenderedPaths, frame_of_end
from whichway.analysis.runs.run import FRAMES, INDEX, read_run
from whichway.geometry import PointCloud


@dataclass(frozen=True)
class SavedComparison:
    """What was compared, rendered and measured.

    Attributes:
        results: method → what it did.
    """

    settings: ComparisonSettings
    rendered: RenderedPaths
    results: dict[str, MethodResult]

    @property
    def ends(self) -> tuple[Conditioning, Conditioning]:
        return self.rendered.ends

    @property
    def clouds(self) -> dict[str, list[PointCloud]]:
        """Method → its frames' clouds, where a conditioning has one."""
        [clouds] = self.rendered.clouds.values()
        return clouds


def read_comparison(folder: Path) -> SavedComparison:
    """The finished comparison in ``folder``.

    Raises:
        UserError: none there, or a damaged one.
    """
    manifest, saved = read_run(folder, KIND), read_conditionings(folder / CONDITIONINGS)
    try:
        settings = ComparisonSettings.from_json(manifest["settings"])
        methods, ends = settings.chosen_methods, (saved["A"], saved["B"])
        measured = read_json(folder / "metrics.json")["methods"]
        results = {
            name: MethodResult.from_json(of_method, tuple(ends[0].clouds)) for name, of_method in measured.items()
        }
        store, index = FrameStore(folder / FRAMES), FrameIndex(folder / INDEX)
        frames = {name: read_strip(store, index, name, result.t) for name, result in results.items()}
        images = {
            name: read_strip(store, index, frame, [t])[0]
            for name, (frame, t) in ((name, frame_of_end(methods[name])) for name in results)
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{str(folder)!r} holds no finished comparison, or a damaged one") from error
    seed = settings.sampling.seed
    by_model = any(method.ground == "cross-attention" for method in methods.values())
    metric = read_cross_attention(folder / GROUND) if by_model else None
    paths = {name: join(name, methods[name], *ends, model=None, seed=seed, cross_attention=metric) for name in results}
    paths |= {name: read_solved(name, paths[name], store, index) for name in results if methods[name].is_geodesic}
    times = {name: result.t for name, result in results.items()}
    words = settings.model.reading.words
    captions = (words(settings.prompt_a), words(settings.prompt_b))
    return SavedComparison(settings, RenderedPaths(ends, paths, times, frames, images, captions), results)
