"""Spherical interpolation ("slerp"), row by row or of the whole matrix."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from whichway.geometry.cloud import PointCloud
from whichway.geometry.coupling import Coupling, require_equal_weights, require_marginals
from whichway.geometry.ground import require_same_shape, require_same_width
from whichway.geometry.path import W2, check_time

PARALLEL = 1e-6  # radians: below, a great circle is a straight line; so near π, it is not unique


@dataclass(frozen=True, eq=False)
class SphericalPath:
    """Each atom of a coupling along its own great circle: (sin((1−t)Ω) x + sin(tΩ) y) / sin Ω, Ω = ∠(x, y).

    Norms change on the way as a slerp of unequal vectors does. Not a geodesic of W_2, although rows keep their mass.
    A row of zeros (masked tokens of some models) has no direction of its own: it takes that of the row that it is
    matched with, and so moves straight. (Shoemake 1985)

    Raises:
        ValueError: clouds of different width, a coupling whose marginals are not the two clouds, or matched rows that
            are opposite (the great circle is not unique).
    """

    start: PointCloud
    end: PointCloud
    coupling: Coupling
    length_in: ClassVar[str] = W2

    def __post_init__(self) -> None:
        require_same_width(self.start, self.end)
        require_marginals(self.coupling, self.start, self.end, "spherical")
        opposite = int((torch.pi - angles_between(*self._matched()) < PARALLEL).sum())
        if opposite:
            raise ValueError(f"the spherical path between opposite rows is not unique; {opposite} matched rows are")

    def _matched(self) -> tuple[Tensor, Tensor]:
        return self.start.rows[self.coupling.sources].double(), self.end.rows[self.coupling.targets].double()

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        start, end = self._matched()
        return PointCloud(slerp(start, end, t).to(self.start.rows.dtype), self.coupling.mass)


@dataclass(frozen=True, eq=False)
class SlerpPath:
    """Spherical interpolation of the two matrices as single vectors of R^(n·d), as interpolation scripts do it.

    (sin((1−t)Ω) X + sin(tΩ) Y) / sin Ω, Ω the angle between X and Y (Shoemake 1985). Not a path of measures: it
    depends on the order of the rows.

    Raises:
        ValueError: clouds of different shape or weights, of zero norm, or opposite (the great circle is not unique).
    """

    start: PointCloud
    end: PointCloud
    length_in: ClassVar[str] = W2

    def __post_init__(self) -> None:
        require_same_shape(self.start, self.end)
        require_equal_weights(self.start, self.end, "slerp")
        for cloud in (self.start, self.end):
            if not cloud.rows.any():
                raise ValueError("slerp needs matrices that are not zero")
        if torch.pi - angles_between(*self._flat()) < PARALLEL:
            raise ValueError("slerp between opposite matrices has no unique great circle")

    def _flat(self) -> tuple[Tensor, Tensor]:
        return self.start.rows.double().flatten()[None], self.end.rows.double().flatten()[None]

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        rows = slerp(*self._flat(), t).view(self.start.rows.shape)
        return PointCloud(rows.to(self.start.rows.dtype), self.start.weights)


def slerp(start: Float[Tensor, "n d"], end: Float[Tensor, "n d"], t: float) -> Float[Tensor, "n d"]:
    """Row by row, (sin((1−t)Ω) x + sin(tΩ) y) / sin Ω; nearly parallel rows straight, as the great circle then is."""
    angle = angles_between(start, end)[:, None]
    curved = (torch.sin((1 - t) * angle) * start + torch.sin(t * angle) * end) / angle.sin()
    return torch.where(angle < PARALLEL, torch.lerp(start, end, t), curved)


def angles_between(start: Float[Tensor, "n d"], end: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    """∠(x_i, y_i) by the half-angle formula (Kahan), accurate for nearly parallel and nearly opposite rows alike.

    0 where a row is zero.
    """
    norms = torch.stack([start.norm(dim=1), end.norm(dim=1)])
    x, y = start / norms[0, :, None], end / norms[1, :, None]
    angles = 2 * torch.atan2((x - y).norm(dim=1), (x + y).norm(dim=1))
    return torch.where((norms > 0).all(dim=0), angles, 0)
