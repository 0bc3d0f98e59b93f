"""Rows that move straight, each with the mass that it has."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from whichway.geometry.cloud import PointCloud
from whichway.geometry.coupling import Coupling, require_marginals
from whichway.geometry.ground import require_same_width
from whichway.geometry.path import W2, check_time


@dataclass(frozen=True, eq=False)
class DisplacementPath:
    """McCann's displacement interpolation along a coupling: atom k sits at (1−t) x_s(k) + t y_t(k) with mass m_k.

    With the coupling that is optimal for the Euclidean ground metric it is the W_2 geodesic:
    W_2(path(s), path(t)) = |s−t| W_2(A, B). With any other coupling W_2(path(s), path(t)) is at most |s−t| times what
    the coupling costs; with the identity it is linear interpolation of matrices. (McCann 1997, "A convexity principle
    for interacting gases")

    Raises:
        ValueError: clouds of different width, or a coupling whose marginals are not the two clouds.
    """

    start: PointCloud
    end: PointCloud
    coupling: Coupling
    length_in: ClassVar[str] = W2

    def __post_init__(self) -> None:
        require_same_width(self.start, self.end)
        require_marginals(self.coupling, self.start, self.end, "displacement")

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        start, end = self.start.rows[self.coupling.sources], self.end.rows[self.coupling.targets]
        return PointCloud(torch.lerp(start, end, t) if t < 1 else end, self.coupling.mass)
