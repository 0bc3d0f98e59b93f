"""The piece of work of a study that is done or not: all methods between one pair of prompts from one initial noise."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from whichway.analysis.clouds.cross_attention_metric import cross_attention_metric
from whichway.analysis.fidelity.frame_fidelity import measure_fidelity
from whichway.analysis.models.model import Model
from whichway.analysis.prompts.pairs import PromptPair
from whichway.analysis.runs.endpoint_check import endpoint_error
from whichway.analysis.runs.frame_index import FrameIndex
from whichway.analysis.runs.frame_renderer import FrameRenderer
from whichway.analysis.runs.frame_store import FrameStore
from whichway.analysis.runs.method_results import measure_distances
from whichway.analysis.runs.rendered_paths import RenderedPaths, render_paths
from whichway.analysis.runs.run import FRAMES
from whichway.analysis.smoothness.measures import measure_smoothness
from whichway.analysis.smoothness.steps import measure_steps
from whichway.analysis.study.records import rounded
from whichway.analysis.study.settings import StudySettings
from whichway.geometry import EUCLIDEAN, GroundMetric, PointCloud, rms_frobenius, transport_cost, wasserstein
from whichway.geometry.path import W2

LARGEST_CLOUD = 256  # rows; beyond, W_2 between consecutive clouds takes longer than their frames
INDICES = "indices"  # a folder, since units are done by several processes at once


@dataclass(frozen=True)
class Unit:
    """Pair number ``index`` and the seed of its noise."""

    index: int
    pair: PromptPair
    seed: int

    @property
    def key(self) -> tuple[int, int]:
        return self.index, self.seed


def unit_frames(out: Path, unit: Unit) -> tuple[FrameStore, FrameIndex]:
    """Where the frames of a unit of the study in ``out`` are, and which is which."""
    name = f"pair{unit.index:04}-seed{unit.seed}.json"
    return FrameStore(out / FRAMES), FrameIndex(out / INDICES / name)


def render_unit(unit: Unit, settings: StudySettings, model: Model, out: Path) -> RenderedPaths:
    """All methods between a pair of prompts; frames that are on disk are not rendered again."""
    start, end = model.encode([unit.pair.prompt_a]) + model.encode([unit.pair.prompt_b])
    sampling = replace(settings.sampling, seed=unit.seed)
    return render_paths(
        FrameRenderer(model, sampling, *unit_frames(out, unit), progress=False),
        (start, end),
        settings.chosen_methods,
        frames=settings.frames,
        distance=settings.perceptual_distances[0],
        seed=unit.seed,
    )


def unit_record(unit: Unit, settings: StudySettings, model: Model, out: Path) -> dict[str, Any]:
    """Render all methods between a pair of prompts, and measure."""
    rendered = render_unit(unit, settings, model, out)
    path = next(iter(rendered.paths.values())).cloud
    ends = path.start, path.end
    grounds: dict[str, GroundMetric] = {"wasserstein": EUCLIDEAN, "pull_back": cross_attention_metric(model)}
    distances = measure_distances(*ends) | {"pull_back": wasserstein(*ends, ground=grounds["pull_back"])}
    perceptual = settings.perceptual_distances
    measured = {name: _measure(rendered, name, perceptual, grounds, model.pipeline) for name in rendered.paths}
    content: dict[str, Any] = rounded(
        {"pair": unit.index, "seed": unit.seed, "distances": distances, "methods": measured}
    )
    return content


def _measure(
    rendered: RenderedPaths, name: str, distances: Iterable[str], grounds: Mapping[str, GroundMetric], pipeline: Any
) -> dict[str, Any]:
    path, frames, times = rendered.paths[name].cloud, rendered.frames[name], rendered.times[name]
    coupling = getattr(path, "coupling", None)
    perceived = {}
    for distance in distances:
        steps = measure_steps(frames, distance)
        perceived[distance] = {"steps": steps.steps.tolist()} | asdict(measure_smoothness(steps))
    clouds = [path(t) for t in times]
    in_w2 = path.length_in == W2
    return {
        "t": times,
        "length": transport_cost(path.start, path.end, coupling) if coupling and in_w2 else None,
        "share_moved": coupling.share_moved if coupling else None,
        "endpoint_error": endpoint_error(frames, rendered.image_b),
        "lengths": {
            geometry: _steps(clouds, partial(wasserstein, ground=ground)) if in_w2 else None
            for geometry, ground in grounds.items()
        }
        | {"frobenius": _steps(clouds, rms_frobenius) if _are_matrices(clouds) else None},
        "perceived": perceived,
        "measures": measure_fidelity(frames, times, rendered.captions, pipeline),
    }


def _are_matrices(clouds: Sequence[PointCloud]) -> bool:
    return all(len(cloud) == len(clouds[0]) and cloud.is_uniform for cloud in clouds)


def _steps(clouds: Sequence[PointCloud], distance: Callable[[PointCloud, PointCloud], float]) -> list[float] | None:
    if max(map(len, clouds)) > LARGEST_CLOUD:
        return None
    return [distance(a, b) for a, b in pairwise(clouds)]
