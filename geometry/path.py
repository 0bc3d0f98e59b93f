"""Paths t ↦ cloud with path(0) = A and path(1) = B, equal as clouds: the rows may come in another order."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from geometry.cloud import PointCloud
from geometry.coupling import Coupling, require_same_shape, require_same_width


@runtime_checkable
class Path(Protocol):
    """Anything that maps t in [0, 1] to a cloud, and knows the two clouds that it joins."""

    @property
    def start(self) -> PointCloud: ...
    @property
    def end(self) -> PointCloud: ...
    def __call__(self, t: float) -> PointCloud: ...


@dataclass(frozen=True, eq=False)
class DisplacementPath:
    """McCann's displacement interpolation along a coupling: atom k sits at (1−t) x_s(k) + t y_t(k) with mass m_k.

    With the optimal coupling it is the W_2 geodesic: W_2(path(s), path(t)) = |s−t| W_2(A, B). With the identity
    coupling it is linear interpolation of matrices. (McCann 1997, "A convexity principle for interacting gases")
    """

    start: PointCloud
    end: PointCloud
    coupling: Coupling

    def __post_init__(self) -> None:
        require_same_width(self.start, self.end)

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        start, end = self.start.rows[self.coupling.sources], self.end.rows[self.coupling.targets]
        return PointCloud(torch.lerp(start, end, t) if t < 1 else end, self.coupling.mass)


@dataclass(frozen=True, eq=False)
class SlerpPath:
    """Spherical interpolation of the two matrices as single vectors of R^(n·d), as interpolation scripts do it.

    (sin((1−t)Ω) X + sin(tΩ) Y) / sin Ω, Ω the angle between X and Y (Shoemake 1985). Not a path of measures: it
    depends on the order of the rows.

    Raises:
        ValueError: clouds of different shape, of zero norm, or opposite (the great circle is not unique).
    """

    start: PointCloud
    end: PointCloud

    def __post_init__(self) -> None:
        require_same_shape(self.start, self.end)
        for cloud in (self.start, self.end):
            if not cloud.rows.any():
                raise ValueError("slerp needs matrices that are not zero")
        if torch.pi - self._angle() < 1e-6:
            raise ValueError("slerp between opposite matrices has no unique great circle")

    def _angle(self) -> float:
        """Ω by the half-angle formula (Kahan), accurate for nearly parallel and nearly opposite vectors alike."""
        x, y = (cloud.rows.double() / torch.linalg.norm(cloud.rows.double()) for cloud in (self.start, self.end))
        return float(2 * torch.atan2(torch.linalg.norm(x - y), torch.linalg.norm(x + y)))

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        angle = torch.tensor(self._angle(), dtype=torch.float64)
        if angle < 1e-6:  # parallel: the great circle is a straight line
            return PointCloud(torch.lerp(self.start.rows, self.end.rows, t), self.start.weights)
        from_start, from_end = torch.sin((1 - t) * angle) / angle.sin(), torch.sin(t * angle) / angle.sin()
        rows = from_start * self.start.rows.double() + from_end * self.end.rows.double()
        return PointCloud(rows.to(self.start.rows.dtype), self.start.weights)


def check_time(t: float) -> None:
    if not 0 <= t <= 1:
        raise ValueError(f"t: wanted a number from 0 to 1, got {t}")
