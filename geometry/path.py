"""What a path is: t ↦ cloud with path(0) = A and path(1) = B, equal as clouds: the rows may come in another order."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from whichway.geometry.cloud import PointCloud

#: distances in which a path can have a length
W1, W2, SPHERICAL_HK = "W_1", "W_2", "spherical Hellinger–Kantorovich"


@runtime_checkable
class Path(Protocol):
    """Anything that maps t in [0, 1] to a cloud, knows the two clouds that it joins, and where it has a length.

    ``length_in`` names the distance D in which Σ_k D(path(t_k), path(t_k+1)) stays bounded as the t_k get denser:

    - "W_2" where rows move and keep their mass;
    - "W_1" where mass goes over from rows to other rows: W_p(path(s), path(t)) then grows like |s−t|^(1/p), so that
      the sum over T steps grows like T^(1−1/p), without bound for p > 1;
    - "spherical Hellinger–Kantorovich" for the unbalanced path;
    - None where there is none in any of these.
    """

    @property
    def start(self) -> PointCloud: ...
    @property
    def end(self) -> PointCloud: ...
    @property
    def length_in(self) -> str | None: ...
    def __call__(self, t: float) -> PointCloud: ...


def check_time(t: float) -> None:
    """Raise a ValueError for a t that is not in [0, 1]."""
    if not 0 <= t <= 1:
        raise ValueError(f"t: wanted a number from 0 to 1, got {t}")


def cloud_of(parts: Sequence[tuple[Tensor, Tensor]]) -> PointCloud:
    """The cloud of all rows that have mass, from pairs of rows (n, d) and masses (n,); scaled to mass 1."""
    rows, weights = (torch.cat(each) for each in zip(*parts, strict=True))
    return PointCloud(rows[weights > 0], weights[weights > 0])
