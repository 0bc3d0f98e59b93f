"""The piece of work of a study that is done or not: all methods between one pair of prompts from one initial noise."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from whichway.analysis.clouds.cross_attention_metric import cross_attention_metric, has_cross_attention_metric
from whichway.analysis.clouds.parts import named_by_encoder
from whichway.analysis.clouds.prompt_distances import measure_distances
from whichway.analysis.models.model import Model
from whichway.analysis.prompts.pairs import PromptPair
from whichway.analysis.runs.change_by_part import measure_changes, render_moved_alone
from whichway.analysis.runs.endpoint_check import endpoint_error
from whichway.analysis.runs.frame_index import FrameIndex
from whichway.analysis.runs.frame_renderer import FrameRenderer
from whichway.analysis.runs.frame_store import FrameStore
from whichway.analysis.runs.method_results import coupled_length, share_moved
from whichway.analysis.runs.rendered_paths import RenderedPaths, render_paths
from whichway.analysis.runs.run import FRAMES
from whichway.analysis.smoothness.measures import measure_smoothness
from whichway.analysis.smoothness.steps import measure_steps
from whichway.analysis.study.records import rounded
from whichway.analysis.study.settings import StudySettings
from whichway.geometry import EUCLIDEAN, GroundMetric, PointCloud, rms_frobenius, wasserstein
from whichway.geometry.path import W2
from whichway.geometry.path import Path as GeometricPath

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


def unit_renderer(unit: Unit, settings: StudySettings, model: Model, out: Path) -> FrameRenderer:
    """What renders the unit's frames; those that are on disk are not rendered again."""
    sampling = replace(settings.sampling, seed=unit.seed)
    return FrameRenderer(model, sampling, *unit_frames(out, unit), progress=False)


def render_unit(unit: Unit, settings: StudySettings, renderer: FrameRenderer) -> RenderedPaths:
    """All methods between a pair of prompts."""
    model = renderer.model
    start, end = model.encode([unit.pair.prompt_a]) + model.encode([unit.pair.prompt_b])
    return render_paths(
        renderer,
        (start, end),
        settings.chosen_methods,
        frames=settings.frames,
        distance=settings.perceptual_distances[0],
        seed=unit.seed,
    )


def unit_record(unit: Unit, settings: StudySettings, model: Model, out: Path) -> dict[str, Any]:
    """Render all methods between a pair of prompts, and measure; where a text has parts, which of them did it."""
    renderer = unit_renderer(unit, settings, model, out)
    rendered = render_unit(unit, settings, renderer)
    start, end = rendered.ends
    distances: dict[str, Any] = dict(measure_distances(start, end))
    grounds: dict[str, GroundMetric] = {"wasserstein": EUCLIDEAN}
    if has_cross_attention_metric(model):
        grounds["pull_back"] = cross_attention_metric(model)
        distances["pull_back"] = wasserstein(start.cloud, end.cloud, ground=grounds["pull_back"])
    content: dict[str, Any] = {
        "pair": unit.index,
        "seed": unit.seed,
        "distances": distances,
        "methods": {name: _measure(rendered, name, settings.perceptual_distances, grounds) for name in rendered.paths},
    }
    moved_alone = render_moved_alone(renderer, rendered.ends, settings.chosen_methods, seed=unit.seed)
    if moved_alone:
        changes = [measure_changes(moved_alone, distance) for distance in settings.perceptual_distances]
        content["change_by_part"] = {change.distance: asdict(change) for change in changes}
    record: dict[str, Any] = rounded(content)
    return record


def _measure(
    rendered: RenderedPaths, name: str, distances: Iterable[str], grounds: Mapping[str, GroundMetric]
) -> dict[str, Any]:
    path, frames, times = rendered.paths[name], rendered.frames[name], rendered.times[name]
    perceived = {}
    for distance in distances:
        steps, end_to_end = measure_steps(frames, distance)
        perceived[distance] = {"steps": steps.tolist()} | asdict(measure_smoothness(steps, end_to_end))
    clouds = path.clouds
    return {
        "t": times,
        **named_by_encoder({encoder: {"length": coupled_length(own, EUCLIDEAN)} for encoder, own in clouds.items()}),
        **named_by_encoder({encoder: {"share_moved": share_moved(own)} for encoder, own in clouds.items()}),
        "endpoint_error": endpoint_error(frames, rendered.images_of_ends[name]),
        "lengths": named_by_encoder({encoder: _lengths(own, times, grounds) for encoder, own in clouds.items()}),
        "perceived": perceived,
    }


def _lengths(
    path: GeometricPath, times: Sequence[float], grounds: Mapping[str, GroundMetric]
) -> dict[str, list[float] | None]:
    """The steps of one cloud's path in each geometry; None where it has no length in it, or W_2 takes too long."""
    clouds = [path(t) for t in times]
    in_w2 = {
        geometry: _steps(clouds, partial(wasserstein, ground=ground)) if path.length_in == W2 else None
        for geometry, ground in grounds.items()
    }
    return in_w2 | {"frobenius": _steps(clouds, rms_frobenius) if _are_matrices(clouds) else None}


def _are_matrices(clouds: Sequence[PointCloud]) -> bool:
    return all(len(cloud) == len(clouds[0]) and cloud.is_uniform for cloud in clouds)


def _steps(clouds: Sequence[PointCloud], distance: Callable[[PointCloud, PointCloud], float]) -> list[float] | None:
    if max(map(len, clouds)) > LARGEST_CLOUD:
        return None
    return [distance(a, b) for a, b in pairwise(clouds)]
