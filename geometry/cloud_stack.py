"""Many clouds of one shape, in memory or on disk: what all pairs and nearest neighbours are computed from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from whichway.geometry.cloud import PointCloud
from whichway.geometry.ground import EUCLIDEAN, GroundMetric
from whichway.geometry.stored_rows import StoredClouds, StoredRows

READ = 64  # clouds read at once where all are read


@dataclass(frozen=True, eq=False)
class CloudStack:
    """Many clouds of one shape and uniform weights, in the ground metric's Euclidean features.

    Attributes:
        rows: (k, n, d), float32 or float64, as they came.
        device: on which products are computed.
    """

    rows: Float[Tensor, "k n d"] | StoredRows
    device: torch.device | str = "cpu"

    @classmethod
    def of(
        cls, clouds: Sequence[PointCloud], *, ground: GroundMetric = EUCLIDEAN, device: torch.device | str = "cpu"
    ) -> "CloudStack":
        """Stack ``clouds``; in float64 unless both the rows are float32 and the ground metric leaves them as they are.

        Raises:
            ValueError: no cloud, clouds of different shape, or weights that are not uniform.
        """
        require_stackable(clouds)
        if isinstance(clouds, StoredClouds):
            return cls(replace(clouds.rows, ground=ground), device)
        single = ground is EUCLIDEAN and all(cloud.rows.dtype == torch.float32 for cloud in clouds)
        dtype = torch.float32 if single else torch.float64
        first = ground.features(clouds[0].rows.to("cpu", dtype))
        rows = torch.empty(len(clouds), *first.shape, dtype=dtype)  # filled in place: it may be a gigabyte
        for place, cloud in zip(rows, clouds, strict=True):
            place.copy_(ground.features(cloud.rows.to("cpu", dtype)))
        return cls(rows, device)

    def __len__(self) -> int:
        return self.rows.shape[0]

    @property
    def shape(self) -> tuple[int, int]:
        """(n, d) of each cloud."""
        return self.rows.shape[1], self.rows.shape[2]

    def blocks(self) -> Iterator[tuple[slice, Float[Tensor, "b n d"]]]:
        """All clouds, a few at a time, in float64."""
        for start in range(0, len(self), READ):
            here = slice(start, min(start + READ, len(self)))
            yield here, self.rows[here].double()

    @cached_property
    def sizes(self) -> "CloudSizes":
        """Where each cloud is and how large; reads all clouds once."""
        centroids = torch.empty(len(self), self.shape[1])
        norms, lengths = np.empty(len(self)), np.empty(len(self))
        for here, rows in self.blocks():
            centroids[here] = rows.mean(dim=1).float()
            of_rows = torch.linalg.vector_norm(rows - centroids[here, None].double(), dim=2)
            norms[here], lengths[here] = torch.linalg.vector_norm(of_rows, dim=1).numpy(), of_rows.amax(1).numpy()
        return CloudSizes(centroids, norms, lengths)

    @property
    def centre(self) -> Float[Tensor, " d"]:
        """The mean of all rows, nearly: features are computed around it, so that less cancels."""
        return self.sizes.centroids.double().mean(dim=0)

    @cached_property
    def squared_rounding(self) -> float:
        """How far rounding may put the square of a W_2 or of a bound of it from the truth, at most.

        They are sums of at most 2·n·d products, of rows around the common centre, and each sum is off by no more than
        n·d·ε times the sum of their sizes, at most the largest Σ‖x_i‖² (Higham 2002, chapter 3). Distance, bound and
        the projections before it together stay below 32 such errors.
        """
        n, width = self.shape
        from_centre = torch.linalg.vector_norm(self.sizes.centroids.double() - self.centre, dim=1).numpy()
        squares = self.sizes.norms**2 + n * from_centre**2
        return float(32 * n * width * np.finfo(float).eps * squares.max() / n)


@dataclass(frozen=True, eq=False)
class CloudSizes:
    """Where each cloud is and how large, around its centroid.

    Attributes:
        centroids: (k, d) float32, of each cloud, rounded.
        norms: (k,), ‖X − s‖_F, s the rounded centroid.
        lengths: (k,), max ‖x_i − s‖.
    """

    centroids: Float[Tensor, "k d"]
    norms: Float[np.ndarray, " k"]
    lengths: Float[np.ndarray, " k"]


def is_stackable(clouds: Sequence[PointCloud]) -> bool:
    """Whether :meth:`CloudStack.of` takes them: one shape, uniform weights."""
    if isinstance(clouds, StoredClouds):  # a store has no others, and reading them all takes a while
        return True
    return len({tuple(cloud.rows.shape) for cloud in clouds}) == 1 and all(cloud.is_uniform for cloud in clouds)


def require_stackable(clouds: Sequence[PointCloud]) -> None:
    """Raise a ValueError for no cloud, clouds of different shape, or weights that are not uniform."""
    if isinstance(clouds, StoredClouds):
        return
    if not clouds:
        raise ValueError("clouds: wanted at least one, got none")
    shapes = sorted({tuple(cloud.rows.shape) for cloud in clouds})
    if len(shapes) > 1:
        raise ValueError(f"clouds: wanted one shape, got {', '.join(map(str, shapes[:3]))}")
    if not all(cloud.is_uniform for cloud in clouds):
        raise ValueError("clouds: wanted uniform weights; 'wasserstein' takes any, two clouds at a time")
