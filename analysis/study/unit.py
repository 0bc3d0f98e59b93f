"""The piece of work of a study that is done or not: all methods between one pair of prompts from one initial noise."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

from whichway.analysis.clouds.cross_attention_metric import cross_attention_metric, has_cross_attention_metric
from whichway.analysis.clouds.parts import named_by_encoder
from whichway.analysis.clouds.prompt_distances import measure_distances
from whichway.analysis.errors import NoPathError
from whichway.analysis.fidelity.frame_fidelity import measure_fidelity
from whichway.analysis.models.model import Model
from whichway.analysis.prompts.pairs import PromptPair
from whichway.analysis.runs.change_by_part import measure_changes, render_moved_alone
from whichway.analysis.runs.endpoint_check import endpoint_error
from whichway.analysis.runs.frame_index import FrameIndex
from whichway.analysis.runs.frame_recipe import path_recipes
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


def render_unit(unit: Unit, settings: StudySettings, model: Model, out: Path) -> RenderedPaths:
    """All methods between a pair of prompts; frames that are on disk are not rendered again."""
    return _render(unit, settings, unit_renderer(unit, settings, model, out))[0]


def unit_renderer(
    unit: Unit,
    settings: StudySettings,
    model: Model,
    out: Path,
    on_progress: Callable[[float], object] = lambda frames: None,
) -> FrameRenderer:
    sampling = replace(settings.sampling, seed=unit.seed)
    recipes = path_recipes((unit.pair.prompt_a, unit.pair.prompt_b), settings.chosen_methods, seed=unit.seed)
    store, index = unit_frames(out, unit)
    return FrameRenderer(
        model,
        sampling,
        store,
        index,
        progress=False,
        recipes=recipes,
        choice=settings.model,
        on_progress=on_progress,
    )


def _render(unit: Unit, settings: StudySettings, renderer: FrameRenderer) -> tuple[RenderedPaths, dict[str, str]]:
    """The paths; and method → why it has none, where a solver did not converge: the study goes on without it."""
    start, end = renderer.model.encode([unit.pair.prompt_a]) + renderer.model.encode([unit.pair.prompt_b])
    methods, left_out = dict(settings.chosen_methods), {}
    while True:
        try:
            rendered = render_paths(
                renderer,
                (start, end),
                methods,
                frames=settings.frames,
                distance=settings.perceptual_distances[0],
                seed=unit.seed,
                geodesic=settings.geodesic,
            )
        except NoPathError as error:
            del methods[error.method]
            left_out[error.method] = str(error)
        else:
            return rendered, left_out


def unit_record(
    unit: Unit,
    settings: StudySettings,
    model: Model,
    out: Path,
    on_progress: Callable[[float], object] = lambda frames: None,
) -> dict[str, Any]:
    """Render all methods between a pair of prompts, and measure; where a text has parts, which of them did it.

    ``left_out`` says of methods whose solver did not converge on this pair why. ``seconds`` says how long that took in
    all, and how much of it in the model; frames that were on disk took none.
    """
    begun = perf_counter()
    renderer = unit_renderer(unit, settings, model, out, on_progress)
    rendered, left_out = _render(unit, settings, renderer)
    start, end = rendered.ends
    distances: dict[str, Any] = dict(measure_distances(start, end))
    grounds = metrics_of_lengths(model)
    if "pull_back" in grounds:
        distances["pull_back"] = wasserstein(start.cloud, end.cloud, ground=grounds["pull_back"])
    perceptual = settings.perceptual_distances
    measured = {name: measure_method(rendered, name, perceptual, grounds, model.pipeline) for name in rendered.paths}
    content: dict[str, Any] = {"distances": distances, "methods": measured}
    if left_out:
        content["left_out"] = left_out
    methods = {name: method for name, method in settings.chosen_methods.items() if name not in left_out}
    moved_alone = render_moved_alone(renderer, rendered.ends, methods, seed=unit.seed)
    if moved_alone:
        changes = [measure_changes(moved_alone, distance) for distance in perceptual]
        content["change_by_part"] = {change.distance: asdict(change) for change in changes}
    seconds = {"all": round(perf_counter() - begun, 2), "model": round(renderer.seconds, 2)}
    key = {"pair": unit.index, "seed": unit.seed, "frames": renderer.rendered, "seconds": seconds}
    record: dict[str, Any] = rounded(key | content)
    return record


def metrics_of_lengths(model: Model) -> dict[str, GroundMetric]:
    """What steps are measured in: the Euclidean metric, and the model's own where it has one."""
    metrics: dict[str, GroundMetric] = {"wasserstein": EUCLIDEAN}
    if has_cross_attention_metric(model):
        metrics["pull_back"] = cross_attention_metric(model)
    return metrics


def measure_method(
    rendered: RenderedPaths, name: str, distances: Iterable[str], grounds: Mapping[str, GroundMetric], pipeline: Any
) -> dict[str, Any]:
    path, frames, times = rendered.paths[name], rendered.frames[name], rendered.times[name]
    perceived = {}
    for distance in distances:
        steps = measure_steps(frames, distance)
        perceived[distance] = {"steps": steps.steps.tolist()} | asdict(measure_smoothness(steps))
    clouds = path.clouds
    return {
        "t": times,
        **named_by_encoder({encoder: {"length": coupled_length(own, EUCLIDEAN)} for encoder, own in clouds.items()}),
        **named_by_encoder({encoder: {"share_moved": share_moved(own)} for encoder, own in clouds.items()}),
        "endpoint_error": endpoint_error(frames, rendered.images_of_ends[name]),
        "lengths": named_by_encoder({encoder: _lengths(own, times, grounds) for encoder, own in clouds.items()}),
        "perceived": perceived,
        "measures": measure_fidelity(frames, times, rendered.captions, pipeline),
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
