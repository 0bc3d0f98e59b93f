"""From prompt to prompt, and from noise to noise: position p ↦ the conditioning of a film's frame.

Positions count legs: p = k at keyframe k, p = k + t on the way to the next one. So keyframes are whole numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from whichway.analysis.families import Conditioning
from whichway.analysis.images.travelling_noise import NoisePoint, with_noise
from whichway.analysis.paths.conditioning_path import ConditioningPath

#: what travels along a film: the others of text and noise stay those of the first keyframe
Moving = Literal["both", "text", "noise"]


@dataclass(frozen=True, eq=False)
class FilmPath:
    """The legs between keyframes, and the seeds whose noise travels beside them.

    Attributes:
        legs: :func:`whichway.analysis.paths.keyframes.join_keyframes`.
        seeds: one for each keyframe, of a closed path the first one again; none: all frames have the sampling's noise.
        moving: what of them travels.
        negative: the path of the negative prompt, from the first keyframe to the last, with the text.
        times: of the keyframes, for the same.
    """

    legs: Sequence[ConditioningPath]
    seeds: Sequence[int] = ()
    moving: Moving = "both"
    negative: ConditioningPath | None = None
    times: Sequence[float] = ()

    def __call__(self, position: float) -> Conditioning:
        """At a position from 0 to the number of legs.

        Raises:
            ValueError: another position.
        """
        if not 0 <= position <= len(self.legs):
            raise ValueError(f"position: wanted a number from 0 to {len(self.legs)}, got {position}")
        leg = min(int(position), len(self.legs) - 1)
        t = position - leg
        text = self.legs[0](0.0) if self.moving == "noise" else self.legs[leg](t)
        if self.negative and self.moving != "noise":
            text = replace(text, negative=self.negative(self._share_of_time(leg, t)))
        if not self.seeds:
            return text
        held = NoisePoint(self.seeds[0], self.seeds[0])
        return with_noise(text, held if self.moving == "text" else NoisePoint(self.seeds[leg], self.seeds[leg + 1], t))

    def _share_of_time(self, leg: int, t: float) -> float:
        """From 0 at the first keyframe to 1 at the last."""
        times = self.times or range(len(self.legs) + 1)
        if (leg, t) == (len(self.legs) - 1, 1.0):
            return 1.0
        return ((1 - t) * times[leg] + t * times[leg + 1] - times[0]) / (times[-1] - times[0])
