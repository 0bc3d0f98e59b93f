"""From A to B by several methods: the paths, when their frames are taken, and the frames."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

import numpy as np

from whichway.analysis.clouds.ground_metrics import find_ground
from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.geodesics.settings import GeodesicSettings
from whichway.analysis.paths.chosen_method import ChosenMethod
from whichway.analysis.paths.conditioning_path import ConditioningPath, join
from whichway.analysis.runs.frame_index import FrameName
from whichway.analysis.runs.frame_renderer import FrameRenderer
from whichway.analysis.runs.geodesic_store import solve_path
from whichway.analysis.runs.perceptual_parametrisation import BUDGET, perceptually_uniform_times
from whichway.analysis.smoothness.perceptual_distance import perceptual_distance
from whichway.geometry import Coupling, GroundMetric, PointCloud, beta_times, constant_speed_times, uniform_times

IMAGE_A: FrameName = ("prompts", 0.0)
TOGETHER = 1e-3  # in t: how far apart the clouds of one path may be and still be said to move at one speed


def frame_of_end(method: ChosenMethod) -> FrameName:
    """The name of the frame that a path's last frame has to equal: that of B itself (:func:`end_of_path`)."""
    return ("prompts@start" if method.pooled == "start" else "prompts", 1.0)


def end_of_path(method: ChosenMethod, ends: tuple[Conditioning, Conditioning]) -> Conditioning:
    """B, rows in its own order; where the method holds A's pooled vector, B's rows beside that."""
    start, end = ends
    return replace(end, vectors=start.vectors) if method.pooled == "start" else end


@dataclass(frozen=True)
class RenderedPaths:
    """What was rendered between two prompts.

    Attributes:
        ends: A and B.
        paths, times, frames: by method; frames (frames, height, width, 3) uint8, at these times.
        images_of_ends: by method, of :func:`end_of_path`, (height, width, 3).
        captions: what A and B say, without weights.
    """

    ends: tuple[Conditioning, Conditioning]
    paths: Mapping[str, ConditioningPath]
    times: Mapping[str, list[float]]
    frames: Mapping[str, np.ndarray]
    images_of_ends: Mapping[str, np.ndarray]
    captions: tuple[str, str]

    @property
    def clouds(self) -> dict[str, dict[str, list[PointCloud]]]:
        """Encoder → method → its frames' clouds."""
        return {
            encoder: {name: [path.clouds[encoder](t) for t in self.times[name]] for name, path in self.paths.items()}
            for encoder in self.ends[0].clouds
        }

    @property
    def couplings(self) -> dict[str, dict[str, Coupling]]:
        """Encoder → method → its coupling, of the methods that have one."""
        return {
            encoder: {
                name: coupling
                for name, path in self.paths.items()
                if (coupling := getattr(path.clouds[encoder], "coupling", None)) is not None
            }
            for encoder in self.ends[0].clouds
        }


def render_paths(
    renderer: FrameRenderer,
    ends: tuple[Conditioning, Conditioning],
    methods: Mapping[str, ChosenMethod],
    *,
    frames: int,
    distance: str,
    seed: int,
    geodesic: GeodesicSettings = GeodesicSettings(),
) -> RenderedPaths:
    """Build the paths, choose the times, render what is not on disk.

    Args:
        distance: the perceptual distance by which a perceptual parametrisation chooses its times, and whose energy a
            geodesic minimises.
        seed: of the random coupling.
        geodesic: how geodesics are looked for.

    Raises:
        UserError: a method that cannot join these conditionings, or a path without constant speed where it is wanted.
    """
    paths = {name: join(name, method, *ends, model=renderer.model, seed=seed) for name, method in methods.items()}
    paths |= {
        name: solve_path(name, method, paths[name], renderer, geodesic, distance=distance, frames=frames)
        for name, method in methods.items()
        if method.is_geodesic
    }

    def images_at(name: str, times: list[float]) -> np.ndarray:
        renderer.render({(name, t): paths[name](t) for t in times})
        return renderer.strip(name, times)

    times = {
        name: choose_times(name, methods[name], path, partial(images_at, name), renderer, frames, distance)
        for name, path in paths.items()
    }
    requested: dict[FrameName, Conditioning] = {IMAGE_A: ends[0]}
    requested |= {frame_of_end(method): end_of_path(method, ends) for method in methods.values()}
    renderer.render(requested | {(name, t): path(t) for name, path in paths.items() for t in times[name]})
    strips = {name: renderer.strip(name, times[name]) for name in paths}
    images = {name: renderer.image(frame_of_end(method)) for name, method in methods.items()}
    caption_a, caption_b = (renderer.model.reading.words(end.source) for end in ends)
    return RenderedPaths(ends, paths, times, strips, images, (caption_a, caption_b))


def choose_times(
    name: str,
    method: ChosenMethod,
    path: ConditioningPath,
    images: Callable[[list[float]], np.ndarray],
    renderer: FrameRenderer,
    frames: int,
    distance: str,
) -> list[float]:
    """When along the path its frames are taken, to the six digits that name a frame.

    Args:
        images: t ↦ the path's frames, for a perceptual parametrisation.

    Raises:
        UserError: a path without constant speed where it is wanted.
    """
    if method.parametrisation == "uniform":
        return uniform_times(frames)
    if method.parametrisation == "beta":
        steps = renderer.sampling.num_inference_steps
        return [round(t, 6) for t in beta_times(frames, steps, steps)]
    if method.parametrisation == "constant-speed":
        ground = find_ground(method.ground, renderer.model)
        try:
            return [round(t, 6) for t in _constant_speed_times(path, frames, ground)]
        except ValueError as error:
            raise UserError(f"method {name!r}: {error}") from error
    rounds = count(1)

    def images_of_round(times: list[float]) -> np.ndarray:
        number = next(rounds)
        what = "evenly in t" if number == 1 else "where images change"
        renderer.report(f"{name}, round {number}: {len(times)} frames {what}")
        return images(times)

    renderer.report(f"{name}: looking for {frames} frames that look equally far apart, among {BUDGET * frames} at most")
    return perceptually_uniform_times(images_of_round, partial(perceptual_distance, distance), frames)


def _constant_speed_times(path: ConditioningPath, frames: int, ground: GroundMetric) -> list[float]:
    """Of the only cloud, or of several that agree: no sum of their W_2 means anything.

    Raises:
        ValueError: a cloud without a length in W_2, or clouds that move at speeds of their own.
    """
    times = {encoder: constant_speed_times(cloud, frames, ground=ground) for encoder, cloud in path.clouds.items()}
    first = next(iter(times.values()))
    if any(np.abs(np.subtract(other, first)).max() > TOGETHER for other in times.values()):
        raise ValueError(
            f"constant speed in W_2: the clouds of {', '.join(times)} move at speeds of their own, and at no t all are "
            "evenly on their way; wanted another parametrisation, such as perceptual"
        )
    return first
