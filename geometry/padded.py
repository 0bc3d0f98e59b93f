"""Row by row between clouds of different sizes or weights: what interpolating padded matrices and their masks does."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from whichway.geometry.cloud import PointCloud
from whichway.geometry.ground import require_same_width
from whichway.geometry.path import W1, check_time, cloud_of


@dataclass(frozen=True, eq=False)
class PaddedPath:
    """Row i at (1−t) x_i + t y_i with weight (1−t) a_i + t b_i; rows without a partner stay, and only fade.

    The identity for clouds of different sizes, such as those of encoders whose padding is masked, or of different
    weights, such as those of prompts whose words have some. With equal weights it
    is the displacement path of the identity coupling; else mass is shifted between rows, so that it has a length in
    W_1 and none in W_2. Like all row-by-row interpolation, it depends on the order of the rows.

    Raises:
        ValueError: clouds of different width.
    """

    start: PointCloud
    end: PointCloud
    length_in: ClassVar[str] = W1

    def __post_init__(self) -> None:
        require_same_width(self.start, self.end)

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        common = min(len(self.start), len(self.end))
        a, b = self.start, self.end
        moving = torch.lerp(a.rows[:common], b.rows[:common], t)
        return cloud_of(
            [
                (moving, torch.lerp(a.weights[:common], b.weights[:common], t)),
                (a.rows[common:], (1 - t) * a.weights[common:]),
                (b.rows[common:], t * b.weights[common:]),
            ]
        )
