"""Frames along a path → the perceptual distances between them."""

import numpy as np
from jaxtyping import Float, UInt8

from whichway.analysis.smoothness.measures import PerceptualSteps
from whichway.analysis.smoothness.perceptual_distance import POWERS, perceptual_distance
from whichway.analysis.vocabulary import PERCEPTUAL_DISTANCE


def measure_steps(
    frames: UInt8[np.ndarray, "frames height width 3"],
    distance: str = PERCEPTUAL_DISTANCE,
    *,
    steps: Float[np.ndarray, " steps"] | None = None,
) -> PerceptualSteps:
    """Perceptual distances between consecutive frames, between those two apart, and between the first and the last.

    Args:
        distance: :data:`whichway.analysis.vocabulary.PERCEPTUAL_DISTANCES`.
        steps: between consecutive frames, where they are measured already.
    """
    last = len(frames) - 1
    power = POWERS.get(distance)
    pairs = [(0, last)]
    if power is not None:  # without features there is no angle, and these distances would be for nothing
        pairs += [(k, k + 2) for k in range(last - 1)]
    if steps is None:
        pairs += [(k, k + 1) for k in range(last)]
    starts, ends = zip(*pairs, strict=True)
    measured = perceptual_distance(distance, frames[list(starts)], frames[list(ends)])
    skips = measured[1:last] if power is not None else None
    return PerceptualSteps(measured[-last:] if steps is None else steps, float(measured[0]), skips, power)
