"""Exact W_2 between all of many clouds: the ground costs of a whole block of pairs are one matrix product.

For squared distances Σ_i ‖x_i − y_σ(i)‖² = Σ‖x_i‖² + Σ‖y_j‖² − 2 Σ_i ⟨x_i, y_σ(i)⟩, and only the last term depends on
the permutation σ: the assignment is solved on inner products, and no matrix of distances is ever assembled.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from whichway.geometry.cloud import PointCloud
from whichway.geometry.ground import EUCLIDEAN, GroundMetric

BLOCK = 24  # clouds on each side: at n = 77 the inner products of 24² pairs take 27 MB
PAIRS = 96  # of a list solved at once
_SOLVERS = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="assignment")  # SciPy's solver releases the GIL


@dataclass(frozen=True, eq=False)
class CloudStack:
    """Many clouds of one shape and uniform weights, in one tensor, in the ground metric's Euclidean features.

    Attributes:
        rows: (k, n, d) float64, around their common mean: translation changes no distance, and less cancels.
    """

    rows: Float[Tensor, "k n d"]

    @classmethod
    def of(
        cls, clouds: Sequence[PointCloud], *, ground: GroundMetric = EUCLIDEAN, device: torch.device | str = "cpu"
    ) -> "CloudStack":
        """Stack ``clouds``.

        Raises:
            ValueError: no cloud, clouds of different shape, or weights that are not uniform.
        """
        require_stackable(clouds)
        first = ground.features(clouds[0].rows.to("cpu", torch.float64))
        rows = torch.empty(len(clouds), *first.shape, dtype=torch.float64)  # filled in place: it may be a gigabyte
        for place, cloud in zip(rows, clouds, strict=True):
            place.copy_(ground.features(cloud.rows.to("cpu", torch.float64)))
        rows -= rows.mean(dim=(0, 1))
        return cls(rows.to(device))

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def squares(self) -> Float[np.ndarray, " k"]:
        """Σ_i ‖x_i‖² of each cloud."""
        squares: np.ndarray = torch.linalg.vector_norm(self.rows, dim=(1, 2)).square().cpu().numpy()
        return squares  # squaring all entries first would take as much memory again

    @property
    def squared_rounding(self) -> float:
        """How far rounding may put the square of a W_2 or of a bound of it from the truth, at most.

        W_2² = (Σ‖x_i‖² + Σ‖y_j‖² − 2 Σ⟨x_i, y_σ(i)⟩) / n: sums of n·d products, each sum off by no more than n·d·ε
        times the sum of their sizes, at most the largest Σ‖x_i‖² (Higham 2002, chapter 3). So is the bound's square, of
        at most 2·n·d products; both together and the projections before them stay below 32 such errors.
        """
        _, n, width = self.rows.shape
        return float(32 * n * width * np.finfo(float).eps * self.squares.max() / n)


def is_stackable(clouds: Sequence[PointCloud]) -> bool:
    """Whether :meth:`CloudStack.of` takes them: one shape, uniform weights."""
    return len({tuple(cloud.rows.shape) for cloud in clouds}) == 1 and all(cloud.is_uniform for cloud in clouds)


def require_stackable(clouds: Sequence[PointCloud]) -> None:
    """Raise a ValueError for no cloud, clouds of different shape, or weights that are not uniform."""
    if not clouds:
        raise ValueError("clouds: wanted at least one, got none")
    shapes = sorted({tuple(cloud.rows.shape) for cloud in clouds})
    if len(shapes) > 1:
        raise ValueError(f"clouds: wanted one shape, got {', '.join(map(str, shapes[:3]))}")
    if not all(cloud.is_uniform for cloud in clouds):
        raise ValueError("clouds: wanted uniform weights; 'wasserstein' takes any, two clouds at a time")


def wasserstein_block(stack: CloudStack, first: slice, second: slice) -> Float[np.ndarray, "a b"]:
    """W_2 between each cloud of ``first`` and of ``second``, (a, b), exact. Of a block with itself, half is solved."""
    left, right = stack.rows[first], stack.rows[second]
    # (b, a·n, n): the layout in which one product leaves each pair's (n, n) in one piece
    products = torch.matmul(-left.reshape(-1, left.shape[-1]), right.mT)
    costs = products.reshape(len(right), len(left), left.shape[1], -1)
    if first == second:
        below = np.tril_indices(len(left), -1)
        least = np.zeros((len(left), len(left)))
        least[below] = least.T[below] = _least_totals(costs[below[::-1]])
        squares = stack.squares[first]
        distances = _distances(squares[:, None] + squares, least, left.shape[1])
        np.fill_diagonal(distances, 0)
        return distances
    least = _least_totals(costs.flatten(0, 1)).reshape(len(right), len(left)).T
    return _distances(stack.squares[first][:, None] + stack.squares[second], least, left.shape[1])


def wasserstein_pairs(
    stack: CloudStack, first: Int[np.ndarray, " p"], second: Int[np.ndarray, " p"]
) -> Float[np.ndarray, " p"]:
    """W_2 between cloud ``first[k]`` and cloud ``second[k]`` for each k, (p,), exact."""
    distances = np.empty(len(first))
    for start in range(0, len(first), PAIRS):
        here = slice(start, start + PAIRS)
        products = torch.bmm(-stack.rows[first[here]], stack.rows[second[here]].mT)
        squares = stack.squares[first[here]] + stack.squares[second[here]]
        distances[here] = _distances(squares, _least_totals(products), stack.rows.shape[1])
    return distances


def blocks_of(count: int, block: int = BLOCK) -> Iterator[tuple[slice, slice]]:
    """The blocks that cover the lower triangle of a (count, count) matrix, diagonal blocks included, row by row."""
    for top in range(0, count, block):
        for left in range(0, top + 1, block):
            yield slice(top, min(top + block, count)), slice(left, min(left + block, count))


def pairwise_wasserstein(clouds: Sequence[PointCloud], *, ground: GroundMetric = EUCLIDEAN) -> Float[np.ndarray, "k k"]:
    """W_2 between all clouds, (k, k): symmetric, with a zero diagonal. Equals ``wasserstein`` of each pair.

    Squares are right to :attr:`CloudStack.squared_rounding`: distances below about 1e-7 of the clouds' size are nothing
    but rounding, and what two orders of the same rows may come out as.

    Raises:
        ValueError: as :meth:`CloudStack.of`.
    """
    stack = CloudStack.of(clouds, ground=ground)
    distances = np.zeros((len(stack), len(stack)))
    for rows, columns in blocks_of(len(stack)):
        write_block(distances, rows, columns, wasserstein_block(stack, rows, columns))
    return distances


def write_block(matrix: np.ndarray, rows: slice, columns: slice, block: np.ndarray) -> None:
    """Put a block and its mirror image in a symmetric matrix."""
    matrix[columns, rows] = block.T
    matrix[rows, columns] = block


def _least_totals(costs: Float[Tensor, "p n n"]) -> Float[np.ndarray, " p"]:
    """The total cost of each optimal assignment."""
    return np.fromiter(_SOLVERS.map(_least_total, costs.cpu().numpy()), np.float64, len(costs))


def _least_total(costs: Float[np.ndarray, "n n"]) -> float:
    return float(costs[linear_sum_assignment(costs)].sum())


def _distances(squares: np.ndarray, least: np.ndarray, n: int) -> np.ndarray:
    """From Σ‖x‖² + Σ‖y‖² and the least −Σ⟨x, y⟩: W_2."""
    distances: np.ndarray = np.sqrt(np.maximum(squares + 2 * least, 0) / n)
    return distances
