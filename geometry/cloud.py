"""The one value that flows through everything: a weighted point cloud."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class PointCloud:
    """The probability measure Σ_i w_i δ_{x_i} on R^d, as rows and weights.

    Attributes:
        rows: (n, d), finite. A conditioning's token rows.
        weights: (n,), non-negative, scaled to sum to 1. Default: uniform, 1/n.
        labels: one name for each row (the tokens), or empty.
        size: how many leading rows are the prompt's own (not padding); default n.
        source: what the cloud came from (the prompt).

    Raises:
        ValueError: rows not (n, d) with n ≥ 1, not finite, or not floating point; weights of another length, negative,
            or without mass; labels of another length.
    """

    rows: Float[Tensor, "n d"]
    weights: Float[Tensor, " n"] = None  # type: ignore[assignment]  # filled in below, as is size
    labels: tuple[str, ...] = ()
    size: int = None  # type: ignore[assignment]
    source: str = ""

    def __post_init__(self) -> None:
        rows = self.rows
        if rows.ndim != 2 or not rows.numel() or not rows.is_floating_point():
            raise ValueError(f"rows: wanted floating point (n, d) with n, d ≥ 1, got {rows.dtype} {tuple(rows.shape)}")
        if not torch.isfinite(rows).all():
            bad = int((~torch.isfinite(rows)).any(dim=1).sum())
            raise ValueError(f"rows: wanted finite numbers, got NaN or infinity in {bad} of {len(rows)} rows")
        object.__setattr__(self, "weights", _normalised(self.weights, rows))
        object.__setattr__(self, "labels", tuple(self.labels))
        if len(self.labels) not in {0, len(rows)}:
            raise ValueError(f"labels: wanted {len(rows)}, one for each row, got {len(self.labels)}")
        object.__setattr__(self, "size", len(rows) if self.size is None else self.size)
        if not 1 <= self.size <= len(rows):
            raise ValueError(f"size: wanted 1 to {len(rows)}, the number of rows, got {self.size}")

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def dimension(self) -> int:
        return self.rows.shape[1]

    @property
    def is_uniform(self) -> bool:
        return bool((self.weights == self.weights[0]).all())

    def mean(self) -> Float[Tensor, " d"]:
        """The centroid Σ_i w_i x_i, (d,)."""
        return self.weights @ self.rows

    def take(self, indices: Sequence[int] | Tensor) -> "PointCloud":
        """The cloud of the rows named by ``indices``, in that order, weights renormalised.

        With a permutation this is the same measure, written differently.
        """
        indices = torch.as_tensor(indices, dtype=torch.long)
        labels = tuple(self.labels[i] for i in indices.tolist()) if self.labels else ()
        return PointCloud(self.rows[indices], self.weights[indices], labels, source=self.source)

    def own(self) -> "PointCloud":
        """The prompt's own rows: without the padding after the end token."""
        return self.take(range(self.size))


def _normalised(weights: Tensor | None, rows: Tensor) -> Tensor:
    if weights is None:
        return torch.full((len(rows),), 1 / len(rows), dtype=rows.dtype, device=rows.device)
    if weights.shape != (len(rows),):
        raise ValueError(f"weights: wanted shape ({len(rows)},), one for each row, got {tuple(weights.shape)}")
    if not torch.isfinite(weights).all() or (weights < 0).any() or not weights.sum() > 0:
        raise ValueError("weights: wanted finite and non-negative numbers with a positive sum")
    normalised = weights / weights.sum()
    # what has been normalised is left as it is, to the last bit: a cloud that is read back is the one that was written
    rounding = len(weights) * torch.finfo(normalised.dtype).eps
    return weights if weights.is_floating_point() and abs(weights.sum() - 1) <= rounding else normalised
