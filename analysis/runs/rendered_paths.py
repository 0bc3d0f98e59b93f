"""From A to B by several methods: the paths, when their frames are taken, and the frames."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from whichway.analysis.clouds.ground_metrics import find_ground
from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.paths.chosen_method import ChosenMethod
from whichway.analysis.paths.conditioning_path import ConditioningPath, join
from whichway.analysis.runs.frame_index import FrameName
from whichway.analysis.runs.frame_renderer import FrameRenderer
from whichway.analysis.runs.perceptual_parametrisation import perceptually_uniform_times
from whichway.analysis.smoothness.perceptual_distance import perceptual_distance
from whichway.geometry import beta_times, constant_speed_times, uniform_times

IMAGE_B: FrameName = ("prompts", 1.0)  # of B itself, rows in its own order


@dataclass(frozen=True)
class RenderedPaths:
    """What was rendered between two prompts.

    Attributes:
        paths, times, frames: by method; frames (frames, height, width, 3) uint8, at these times.
        image_b: of prompt B itself, (height, width, 3).
        captions: the two prompts.
    """

    paths: Mapping[str, ConditioningPath]
    times: Mapping[str, list[float]]
    frames: Mapping[str, np.ndarray]
    image_b: np.ndarray
    captions: tuple[str, str]


def render_paths(
    renderer: FrameRenderer,
    ends: tuple[Conditioning, Conditioning],
    methods: Mapping[str, ChosenMethod],
    *,
    frames: int,
    distance: str,
    seed: int,
) -> RenderedPaths:
    """Build the paths, choose the times, render what is not on disk.

    Args:
        distance: the perceptual distance by which a perceptual parametrisation chooses its times.
        seed: of the random coupling.

    Raises:
        UserError: a method that cannot join these conditionings, or a path without constant speed where it is wanted.
    """
    start, end = ends
    paths = {name: join(name, method, *ends, model=renderer.model, seed=seed) for name, method in methods.items()}
    times = {name: _choose_times(name, methods[name], path, renderer, frames, distance) for name, path in paths.items()}
    requested: dict[FrameName, Conditioning] = {("prompts", 0.0): start, IMAGE_B: end}
    renderer.render(requested | {(name, t): path(t) for name, path in paths.items() for t in times[name]})
    strips = {name: renderer.strip(name, times[name]) for name in paths}
    [image_b] = renderer.strip(IMAGE_B[0], [IMAGE_B[1]])
    return RenderedPaths(paths, times, strips, image_b, (start.source, end.source))


def _choose_times(
    name: str, method: ChosenMethod, path: ConditioningPath, renderer: FrameRenderer, frames: int, distance: str
) -> list[float]:
    """When along the path its frames are taken, to the six digits that name a frame."""
    if method.parametrisation == "uniform":
        return uniform_times(frames)
    if method.parametrisation == "beta":
        steps = renderer.sampling.num_inference_steps
        return [round(t, 6) for t in beta_times(frames, steps, steps)]
    if method.parametrisation == "constant-speed":
        ground = find_ground(method.ground, renderer.model)
        try:
            return [round(t, 6) for t in constant_speed_times(path.cloud, frames, ground=ground)]
        except ValueError as error:
            raise UserError(f"method {name!r}: {error}") from error

    def images(times: list[float]) -> np.ndarray:
        renderer.render({(name, t): path(t) for t in times})
        return renderer.strip(name, times)

    return perceptually_uniform_times(images, partial(perceptual_distance, distance), frames)
