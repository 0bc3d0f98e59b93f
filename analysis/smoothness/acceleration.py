"""How hard a film turns: the second difference of its frames' features."""

import torch

from whichway.analysis.smoothness.feature_space import FeatureSpace, Images
from whichway.analysis.smoothness.lpips import LPIPS


def perceptual_acceleration(frames: Images, step: float, space: FeatureSpace = LPIPS) -> float:
    """‖φ(I(t + h)) − 2 φ(I(t)) + φ(I(t − h))‖ / h², φ the features of a perceptual distance.

    Where a path is C² it tends to the length of the acceleration as h → 0; at a kink it grows like 1/h. LPIPS is the
    square of the distance between its features, so this is in units of √LPIPS.

    Args:
        frames: I(t − h), I(t), I(t + h), (3, height, width, 3) uint8.
        step: h.

    Raises:
        ValueError: not three frames, or an h that is not positive.
    """
    if len(frames) != 3 or not step > 0:
        raise ValueError(f"wanted three frames and a positive step, got {len(frames)} and {step}")
    before, at, after = (point.double() for point in space.points(frames))
    difference: torch.Tensor = before - 2 * at + after
    return float(difference.norm()) / step**2
