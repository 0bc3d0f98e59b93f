"""From A to B by several ways: paths, when their frames are taken, the frames, and how smooth they look."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from whichway.analysis.clouds.cross_attention_metric import cross_attention_metric
from whichway.analysis.errors import UserError
from whichway.analysis.runs.frames import FrameRenderer, Name
from whichway.analysis.models.model import Model
from whichway.analysis.smoothness.perceptual_distance import perceptual_distance
from whichway.analysis.runs.perceptual_parametrisation import perceptually_uniform_times
from whichway.analysis.smoothness.measures import Smoothness, measure_smoothness
from whichway.analysis.paths.way import Way
from whichway.geometry import (
    EUCLIDEAN,
    Cosine,
    GroundMetric,
    PointCloud,
    beta_times,
    build_path,
    constant_speed_times,
    transport_cost,
    uniform_times,
)
from whichway.geometry.path import W2, Path


@dataclass(frozen=True)
class MethodResult:
    """What one method did. ``steps`` are perceptual distances between consecutive frames, at ``t``.

    ``length`` is what the path's coupling costs, the root mean square distance between matched rows (None for paths
    without a coupling, and for those on which mass goes over from row to row), ``share_moved`` the share of the mass
    carried that changes its row's index, ``endpoint_error`` the largest difference, in levels of 255, between
    the last frame and the image of prompt B itself (see :func:`whichway.analysis.models.dtypes.same_image_tolerance`).
    """

    t: list[float]
    steps: list[float]
    smoothness: Smoothness
    length: float | None
    share_moved: float | None
    endpoint_error: int


@dataclass(frozen=True)
class Walk:
    """All ways between two prompts, by name: paths, times, frames (frames, height, width, 3), and B's own image."""

    paths: dict[str, Path]
    times: dict[str, list[float]]
    frames: dict[str, np.ndarray]
    image_b: np.ndarray


def walk(
    renderer: FrameRenderer,
    ends: tuple[PointCloud, PointCloud],
    ways: Mapping[str, Way],
    *,
    frames: int,
    metric: str,
    seed: int = 0,
) -> Walk:
    """Build the paths, choose the times, render what is not on disk.

    Args:
        metric: the perceptual distance by which a perceptual parametrisation chooses its times.
        seed: of the random coupling.

    Raises:
        UserError: a way that cannot join these clouds, or has no constant speed.
    """
    start, end = ends
    paths = {name: build_way_path(name, way, renderer.model, ends, seed) for name, way in ways.items()}
    times = {name: _choose_times(name, ways[name], path, renderer, frames, metric) for name, path in paths.items()}
    wanted: dict[Name, PointCloud] = {("prompts", 0.0): start, ("prompts", 1.0): end}
    renderer.render(wanted | {(name, t): path(t) for name, path in paths.items() for t in times[name]})
    strips = {name: renderer.store.read_strip(name, times[name]) for name in paths}
    return Walk(paths, times, strips, renderer.store.read_strip("prompts", [1.0])[0])


def find_ground(name: str, model: Model | None) -> GroundMetric:
    """The ground metric called ``name`` (:data:`whichway.analysis.paths.way.GROUNDS`); cross-attention is that of ``model``.

    Raises:
        UserError: cross-attention without a model.
    """
    if name == "cross-attention":
        if model is None:
            raise UserError("ground: cross-attention is a metric of the model, and there is none here")
        return cross_attention_metric(model)
    return Cosine() if name == "cosine" else EUCLIDEAN


def build_way_path(name: str, way: Way, model: Model | None, ends: tuple[PointCloud, PointCloud], seed: int) -> Path:
    """The path of a way between two clouds; ``seed`` is that of the random coupling.

    Raises:
        UserError: clouds that the way, called ``name``, cannot join.
    """
    try:
        return build_path(way.method, *ends, seed=seed, ground=find_ground(way.ground, model), tokens=way.tokens)
    except (ValueError, RuntimeError) as error:
        raise UserError(f"method {name!r}: {error}") from error


def _choose_times(name: str, way: Way, path: Path, renderer: FrameRenderer, frames: int, metric: str) -> list[float]:
    """When along the path its frames are taken, to the six digits that name a frame."""
    if way.parametrisation == "uniform":
        return uniform_times(frames)
    if way.parametrisation == "beta":
        steps = renderer.sampling.steps
        return [round(t, 6) for t in beta_times(frames, steps, steps)]
    if way.parametrisation == "constant-speed":
        ground = find_ground(way.ground, renderer.model)
        try:
            return [round(t, 6) for t in constant_speed_times(path, frames, ground=ground)]
        except ValueError as error:
            raise UserError(f"method {name!r}: {error}") from error

    def images(times: list[float]) -> np.ndarray:
        renderer.render({(name, t): path(t) for t in times})
        return renderer.store.read_strip(name, times)

    return perceptually_uniform_times(images, partial(perceptual_distance, metric), frames)


def measure(walked: Walk, ways: Mapping[str, Way], metric: str, model: Model) -> dict[str, MethodResult]:
    """How smooth each way looks under the perceptual distance ``metric``."""
    return {name: _measure(walked, name, find_ground(ways[name].ground, model), metric) for name in walked.paths}


def _measure(walked: Walk, name: str, ground: GroundMetric, metric: str) -> MethodResult:
    path, frames = walked.paths[name], walked.frames[name]
    steps, end_to_end = measure_steps(frames, metric)
    coupling = getattr(path, "coupling", None)
    keeps_mass = path.length_in == W2
    return MethodResult(
        t=walked.times[name],
        steps=steps.tolist(),
        smoothness=measure_smoothness(steps, end_to_end),
        length=transport_cost(path.start, path.end, coupling, ground=ground) if coupling and keeps_mass else None,
        share_moved=coupling.share_moved if coupling else None,
        endpoint_error=int(np.abs(frames[-1].astype(int) - walked.image_b.astype(int)).max()),
    )


def measure_steps(frames: np.ndarray, metric: str) -> tuple[np.ndarray, float]:
    """Perceptual distances between consecutive frames, and between the first and the last."""
    starts, ends = np.concatenate([frames[:-1], frames[:1]]), np.concatenate([frames[1:], frames[-1:]])
    *steps, end_to_end = perceptual_distance(metric, starts, ends)
    return np.array(steps), float(end_to_end)
