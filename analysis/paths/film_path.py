"""From prompt to prompt, and from noise to noise: position p ↦ the conditioning of a film's frame.

Positions count legs: p = k at keyframe k, p = k + t on the way to the next one. So keyframes are whole numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
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
    """

    legs: Sequence[ConditioningPath]
    seeds: Sequence[int] = ()
    moving: Moving = "both"

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
        if not self.seeds:
            return text
        held = NoisePoint(self.seeds[0], self.seeds[0])
        return with_noise(text, held if self.moving == "text" else NoisePoint(self.seeds[leg], self.seeds[leg + 1], t))
