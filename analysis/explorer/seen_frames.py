"""The frames that are there so far, and what is measured of them."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np

from whichway.analysis.explorer.leg import Leg
from whichway.analysis.explorer.messages import Message
from whichway.analysis.explorer.settings import ExplorerSettings
from whichway.analysis.fidelity.frame_fidelity import Fidelity, mean_fidelity, measure_fidelity
from whichway.analysis.models.model import Model
from whichway.analysis.runs.frame_store import Picture
from whichway.analysis.smoothness.measures import Smoothness, measure_smoothness
from whichway.analysis.smoothness.perceptual_distance import perceptual_distance
from whichway.analysis.smoothness.steps import measure_steps


class SeenFrames:
    """Frames of every method along all legs, in order.

    Attributes:
        legs: empty until the prompts are encoded.
        frames: method → index of a frame → picture.
        steps: method → perceptual step after each frame, None where one of its two frames is missing.
    """

    def __init__(self, settings: ExplorerSettings, model: Model) -> None:
        self.settings, self.model = settings, model
        self.legs: list[Leg] = []
        self.count, self.per_leg = len(settings.times), settings.frames - 1
        self.frames: dict[str, dict[int, Picture]] = {method: {} for method in settings.methods}
        self.steps: dict[str, list[float | None]] = {m: [None] * (self.count - 1) for m in settings.methods}

    def times(self, method: str) -> list[float]:
        """The t of the method's frames along all legs, from 0 to 1; where a leg begins, the one before has ended."""
        of_legs = [(number, t) for number, leg in enumerate(self.legs) for t in leg.times[method][number > 0 :]]
        return [(number + t) / len(self.legs) for number, t in of_legs]

    def missing(self, order: Sequence[int]) -> list[int]:
        """Those of these indices at which some method has no frame."""
        return [index for index in order if any(index not in frames for frames in self.frames.values())]

    def forget(self, method: str, leg: int) -> None:
        """A method's frames between two prompts, which will be others. The page shows them until it has those."""
        for index in range(leg * self.per_leg + 1, (leg + 1) * self.per_leg):
            self.frames[method].pop(index, None)
        self.forget_steps(method, leg)

    def forget_steps(self, method: str, leg: int) -> None:
        self.steps[method][leg * self.per_leg : (leg + 1) * self.per_leg] = [None] * self.per_leg

    def measure(self) -> Iterator[Message]:
        """The steps between frames that are both there; smoothness where all are."""
        for method, frames in self.frames.items():
            steps = self.steps[method]
            new = [k for k, step in enumerate(steps) if step is None and k in frames and k + 1 in frames]
            if not new:
                continue
            distances = self._distance([frames[k] for k in new], [frames[k + 1] for k in new])
            for k, step in zip(new, distances, strict=True):
                steps[k] = float(step)
            content: dict[str, Any] = {"kind": "steps", "method": method, "steps": steps[:]}
            if smoothness := self.smoothness(method):
                content["measures"] = asdict(smoothness) | (self.fidelity(method) or {})
            yield Message(content)

    def smoothness(self, method: str) -> Smoothness | None:
        """None while frames or steps are missing."""
        measured = [step for step in [*self.steps[method]] if step is not None]
        strip = self._strip(method)
        if strip is None or len(measured) < self.count - 1:
            return None
        return measure_smoothness(measure_steps(strip, self.settings.perceptual_distance, steps=np.array(measured)))

    def fidelity(self, method: str) -> Fidelity | None:
        """Of the frames between prompts; of several legs the mean. None while frames are missing."""
        strip = self._strip(method)
        if strip is None:
            return None
        captions = pairwise(map(self.model.reading.words, self.settings.prompts))
        of_legs = [
            measure_fidelity(strip[first : first + self.per_leg + 1], leg.times[method], of_leg, self.model.pipeline)
            for first, leg, of_leg in zip(range(0, self.count - 1, self.per_leg), self.legs, captions, strict=True)
        ]
        return mean_fidelity(of_legs)

    def _strip(self, method: str) -> np.ndarray | None:
        """All frames as they are now, whatever another thread renders; None while some are missing."""
        frames = dict(self.frames[method])
        return np.stack([frames[index] for index in range(self.count)]) if len(frames) == self.count else None

    def _distance(self, starts: Sequence[Picture], ends: Sequence[Picture]) -> np.ndarray:
        return perceptual_distance(self.settings.perceptual_distance, np.stack(starts), np.stack(ends))
