"""Frames along a path → the perceptual distances between them."""

import numpy as np
from jaxtyping import UInt8

from whichway.analysis.smoothness.measures import PerceptualSteps
from whichway.analysis.smoothness.perceptual_distance import POWERS, perceptual_distance
from whichway.analysis.vocabulary import PERCEPTUAL_DISTANCE


def measure_steps(
    frames: UInt8[np.ndarray, "frames height width 3"], distance: str = PERCEPTUAL_DISTANCE
) -> PerceptualSteps:
    """Perceptual distances between consecutive frames, between those two apart, and between the first and the last.

    Args:
        distance: :data:`whichway.analysis.vocabulary.PERCEPTUAL_DISTANCES`.
    """
    count = len(frames) - 1
    turns = distance in POWERS  # without features there is no angle, and these distances would be for nothing
    starts = [*range(count), 0, *(range(count - 1) if turns else ())]
    ends = [*range(1, count + 1), count, *(range(2, count + 1) if turns else ())]
    measured = perceptual_distance(distance, frames[starts], frames[ends])
    return PerceptualSteps(
        measured[:count], float(measured[count]), measured[count + 1 :] if turns else None, POWERS.get(distance)
    )
