"""Ground metrics: how far apart two rows are.

Each is given by a map φ with c(x, y) = ‖φ(x) − φ(y)‖, so that every solver for Euclidean clouds serves all of them.
"""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from whichway.geometry.cloud import PointCloud


@runtime_checkable
class GroundMetric(Protocol):
    """Anything with a name and a map of rows (n, d) to features (n, k) whose Euclidean distance is the metric."""

    @property
    def name(self) -> str: ...
    def features(self, rows: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]: ...


@dataclass(frozen=True)
class Euclidean:
    """c(x, y) = ‖x − y‖: the seed paper's (arXiv:2511.12757)."""

    name: str = field(default="euclidean", init=False)

    def features(self, rows: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        return rows


@dataclass(frozen=True)
class Cosine:
    """c(x, y) = ‖x/‖x‖ − y/‖y‖‖ = √(2 − 2 cos∠(x, y)): the chord between directions; lengths do not count.

    Not 1 − cos∠, SciPy's and POT's "cosine", which breaks the triangle inequality: that is c²/2.
    """

    name: str = field(default="cosine", init=False)

    def features(self, rows: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        lengths = rows.norm(dim=1, keepdim=True)
        if not (lengths > 0).all():
            raise ValueError(f"the cosine ground metric needs rows that are not zero; {int((lengths == 0).sum())} are")
        return rows / lengths


@dataclass(frozen=True, eq=False)
class CrossAttention:
    """c(x, y)² = (x − y)ᵀ M (x − y), M = AᵀA: how different two rows are to a model's cross-attention layers.

    M = Σ_l (W_K,lᵀ W_K,l / s_K + W_V,lᵀ W_V,l / s_V), s_K and s_V the traces of the sums, so that keys and values weigh
    the same (:func:`whichway.analysis.clouds.cross_attention_metric.cross_attention_metric` makes it). Zero between
    rows whose difference no key and no value sees.

    Attributes:
        factor: A, (k, d).
    """

    factor: Float[Tensor, "k d"]
    name: str = field(default="cross-attention", init=False)

    def features(self, rows: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        if rows.shape[1] != self.factor.shape[1]:
            raise ValueError(
                f"the cross-attention ground metric is of rows of width {self.factor.shape[1]}; "
                f"got rows of shape {tuple(rows.shape)}"
            )
        return rows @ self.factor.to(rows).T


EUCLIDEAN = Euclidean()


def ground_costs(a: PointCloud, b: PointCloud, ground: GroundMetric = EUCLIDEAN) -> Float[Tensor, "n m"]:
    """c(x_i, y_j) between all rows, (n, m) float64 on the CPU.

    Computed from differences, not from the expanded square, which loses half the digits of nearby rows.

    Raises:
        ValueError: clouds of different width, or not of the width or kind that ``ground`` is of.
    """
    require_same_width(a, b)
    rows_a, rows_b = (ground.features(cloud.rows.detach().to("cpu", torch.float64)) for cloud in (a, b))
    return torch.cdist(rows_a, rows_b, compute_mode="donot_use_mm_for_euclid_dist")


def require_same_width(a: PointCloud, b: PointCloud) -> None:
    if a.dimension != b.dimension:
        raise ValueError(f"clouds of different width: {tuple(a.rows.shape)} and {tuple(b.rows.shape)}")


def require_same_shape(a: PointCloud, b: PointCloud) -> None:
    if a.rows.shape != b.rows.shape:
        raise ValueError(f"clouds of different shape: {tuple(a.rows.shape)} and {tuple(b.rows.shape)}")
