"""Frames along a path → the perceptual distances between them."""

import numpy as np
from jaxtyping import Float, UInt8

from whichway.analysis.smoothness.perceptual_distance import perceptual_distance


def measure_steps(
    frames: UInt8[np.ndarray, "frames height width 3"], distance: str
) -> tuple[Float[np.ndarray, " steps"], float]:
    """Perceptual distances between consecutive frames, and between the first and the last.

    Args:
        distance: :data:`whichway.analysis.vocabulary.PERCEPTUAL_DISTANCES`.
    """
    starts, ends = np.concatenate([frames[:-1], frames[:1]]), np.concatenate([frames[1:], frames[-1:]])
    *steps, end_to_end = perceptual_distance(distance, starts, ends)
    return np.array(steps), float(end_to_end)
