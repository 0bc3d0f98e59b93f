"""A comparison as its folder holds it: enough to draw it again, and to go along its paths, without the model."""

import json
from dataclasses import dataclass
from pathlib import Path

from whichway.analysis.clouds.cloud_file import read_clouds
from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.paths.conditioning_path import join
from whichway.analysis.runs.comparison import KIND
from whichway.analysis.runs.comparison_settings import ComparisonSettings
from whichway.analysis.runs.frame_index import FrameIndex
from whichway.analysis.runs.frame_renderer import read_strip
from whichway.analysis.runs.frame_store import FrameStore
from whichway.analysis.runs.method_results import MethodResult
from whichway.analysis.runs.rendered_paths import IMAGE_B, RenderedPaths
from whichway.analysis.runs.run import FRAMES, INDEX, read_run
from whichway.analysis.smoothness.measures import Smoothness
from whichway.geometry import PointCloud


@dataclass(frozen=True)
class SavedComparison:
    """What was compared, rendered and measured.

    Attributes:
        ends: the clouds of A and of B.
        results: method → what it did.
    """

    settings: ComparisonSettings
    ends: tuple[PointCloud, PointCloud]
    rendered: RenderedPaths
    results: dict[str, MethodResult]

    @property
    def clouds(self) -> dict[str, list[PointCloud]]:
        """Method → its frames' clouds."""
        times = self.rendered.times
        return {name: [path.cloud(t) for t in times[name]] for name, path in self.rendered.paths.items()}


def read_comparison(folder: Path) -> SavedComparison:
    """The finished comparison in ``folder``.

    Raises:
        UserError: none there, a damaged one, or one whose rows were matched by the model (cross-attention).
    """
    manifest, clouds = read_run(folder, KIND), read_clouds(folder / "clouds.safetensors")
    try:
        settings = ComparisonSettings.from_json(manifest["settings"])
        ends = clouds["A"], clouds["B"]
        measured = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["methods"]
        results = {
            name: MethodResult(**of_method | {"smoothness": Smoothness(**of_method["smoothness"])})
            for name, of_method in measured.items()
        }
        store, index = FrameStore(folder / FRAMES), FrameIndex(folder / INDEX)
        frames = {name: read_strip(store, index, name, result.t) for name, result in results.items()}
        [image_b] = read_strip(store, index, IMAGE_B[0], [IMAGE_B[1]])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{str(folder)!r} holds no finished comparison, or a damaged one") from error
    start, end = (Conditioning({"text": cloud}, source=cloud.source) for cloud in ends)
    methods, seed = settings.chosen_methods, settings.sampling.seed
    paths = {name: join(name, methods[name], start, end, model=None, seed=seed) for name in results}
    times = {name: result.t for name, result in results.items()}
    captions = settings.prompt_a, settings.prompt_b
    return SavedComparison(settings, ends, RenderedPaths(paths, times, frames, image_b, captions), results)
