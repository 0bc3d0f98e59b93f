"""The part of an exploration between two prompts that follow each other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from whichway.analysis.families import Conditioning
from whichway.analysis.geodesics.string import initial_paths
from whichway.analysis.models.model import Model
from whichway.analysis.paths.chosen_method import ChosenMethod
from whichway.analysis.paths.conditioning_path import ConditioningPath, join
from whichway.analysis.runs.frame_index import FrameName
from whichway.analysis.runs.frame_renderer import FrameRenderer
from whichway.analysis.runs.rendered_paths import choose_times
from whichway.geometry import uniform_times


@dataclass
class Leg:
    """From one prompt to the next.

    Attributes:
        start, end: the prompts' conditionings.
        methods: by the names that the user gave them.
        renderer: keeps the frames.
        paths: by method, as they are now.
        unsolved: of the methods whose paths are looked for by rendering, and have not been found. Until they are,
            ``paths`` has the best one so far; at first the one that the search starts from.
        times: method → the t of its frames, from 0 to 1.
    """

    start: Conditioning
    end: Conditioning
    methods: Mapping[str, ChosenMethod]
    renderer: FrameRenderer
    paths: dict[str, ConditioningPath]
    unsolved: dict[str, ConditioningPath] = field(default_factory=dict)
    times: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def join(
        cls,
        start: Conditioning,
        end: Conditioning,
        methods: Mapping[str, ChosenMethod],
        renderer: FrameRenderer,
        *,
        frames: int,
        seed: int,
    ) -> "Leg":
        """With all that is known before a frame is rendered.

        Args:
            frames: of each method, both ends included.
            seed: of the random coupling.

        Raises:
            UserError: prompts that a method cannot join, or that it cannot join at the speed wanted.
        """
        model: Model = renderer.model
        paths = {name: join(name, method, start, end, model=model, seed=seed) for name, method in methods.items()}
        unsolved = {name: paths[name] for name, method in methods.items() if method.is_geodesic}
        paths |= {name: replace(path, clouds=initial_paths(path)) for name, path in unsolved.items()}
        leg = cls(start, end, methods, renderer, paths, unsolved)
        for name, method in methods.items():
            later = method.parametrisation == "perceptual" or name in unsolved
            leg.times[name] = uniform_times(frames) if later else leg.choose_times(name, frames)
        return leg

    def choose_times(
        self, method: str, frames: int, *, distance: str = "", images: Callable[[list[float]], np.ndarray] = np.array
    ) -> list[float]:
        """As :func:`whichway.analysis.runs.rendered_paths.choose_times`; only a perceptual choice looks at images."""
        return choose_times(method, self.methods[method], self.paths[method], images, self.renderer, frames, distance)

    def frame_name(self, method: str, t: float) -> FrameName:
        """Of a frame on the path as it is now: one on the way to a geodesic is none of the geodesic's."""
        return (f"{method}, not found yet" if method in self.unsolved and 0 < t < 1 else method, t)
