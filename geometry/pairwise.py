"""Exact W_2 between all of many clouds: the ground costs of a whole block of pairs are one matrix product.

For squared distances Σ_i ‖x_i − y_σ(i)‖² = Σ‖x_i‖² + Σ‖y_j‖² − 2 Σ_i ⟨x_i, y_σ(i)⟩, and only the last term depends on
the permutation σ. The product is computed in float32 and σ certified for the true costs
(:mod:`whichway.geometry.assignment`); where it cannot be, the pair is solved again in float64. What σ costs is always
computed from differences in float64.
"""

import itertools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from whichway.geometry.cloud import PointCloud
from whichway.geometry.cloud_stack import CloudStack
from whichway.geometry.ground import EUCLIDEAN, GroundMetric

BLOCK = 24  # clouds on each side: at n = 77 the inner products of 24² pairs take 14 MB
PAIRS = 96  # of a list solved at once
STRIP = 4  # clouds of a block's diagonal, above which nothing is multiplied
DEPTH = 128  # summands of a product added up in float32 one after the other; fewer make its error bound tighter
_SOLVERS = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="assignment")  # compiled solvers release the GIL


@dataclass(frozen=True, eq=False)
class Side:
    """Some clouds of a stack, on one side of a product.

    Attributes:
        rows: (c, n, d), as in the stack.
        shifted: (c·n, d) float32, around each cloud's centroid: shifts change no optimal permutation.
        centroids, norms, lengths: as :class:`~whichway.geometry.cloud_stack.CloudSizes`.
    """

    rows: Float[Tensor, "c n d"]
    shifted: Float[Tensor, "m d"]
    centroids: Float[Tensor, "c d"]
    norms: Float[np.ndarray, " c"]
    lengths: Float[np.ndarray, " c"]

    @classmethod
    def of(cls, stack: CloudStack, clouds: slice | Int[np.ndarray, " c"]) -> "Side":
        rows = stack.rows[clouds]
        sizes = stack.sizes
        centroids = sizes.centroids[clouds]
        shifted = (rows - centroids[:, None].to(rows.dtype)).float().flatten(0, 1).to(stack.device)
        return cls(rows, shifted, centroids, sizes.norms[clouds], sizes.lengths[clouds])

    def __len__(self) -> int:
        return self.rows.shape[0]


def wasserstein_block(stack: CloudStack, first: slice, second: slice) -> Float[np.ndarray, "a b"]:
    """W_2 between each cloud of ``first`` and of ``second``, (a, b), exact. Of a block with itself, half is solved."""
    left = Side.of(stack, first)
    right = left if first == second else Side.of(stack, second)
    products = _half_of_products(left) if first == second else inner_products(left.shifted, right.shifted)
    shape = (len(left), len(right))
    pairs = np.stack(np.nonzero(np.tri(*shape, -1) if first == second else np.ones(shape)), axis=1)
    distances = np.zeros(shape)
    distances[tuple(pairs.T)] = _solve(products.cpu().numpy(), pairs, left, right, pairs)
    return distances + distances.T if first == second else distances


def wasserstein_pairs(
    stack: CloudStack, first: Int[np.ndarray, " p"], second: Int[np.ndarray, " p"]
) -> Float[np.ndarray, " p"]:
    """W_2 between cloud ``first[k]`` and cloud ``second[k]`` for each k, (p,), exact.

    Fastest where pairs of one ``first`` follow each other: they share a product.
    """
    distances = np.empty(len(first))
    for start in range(0, len(first), PAIRS):
        here = slice(start, start + PAIRS)
        owners, owner_of = np.unique(first[here], return_inverse=True)
        left, right = Side.of(stack, owners), Side.of(stack, second[here])
        n = stack.shape[0]
        products = torch.empty(n, len(right) * n)
        for owner, pairs in _runs(owner_of):
            columns = slice(pairs.start * n, pairs.stop * n)
            products[:, columns] = inner_products(left.shifted[owner * n : (owner + 1) * n], right.shifted[columns])
        places = np.arange(len(right))
        blocks = np.stack([np.zeros_like(places), places], axis=1)
        distances[here] = _solve(products.numpy(), blocks, left, right, np.stack([owner_of, places], axis=1))
    return distances


def _half_of_products(side: Side) -> Float[Tensor, "m m"]:
    """Of a side with itself, as :func:`inner_products`; of two clouds in one order only, the later one first."""
    n = side.rows.shape[1]
    products = torch.empty(2 * (len(side) * n,))
    for start in range(0, len(side), STRIP):
        strip = slice(start * n, min(start + STRIP, len(side)) * n)
        products[strip, : strip.stop] = inner_products(side.shifted[strip], side.shifted[: strip.stop])
    return products


def inner_products(left: Float[Tensor, "a d"], right: Float[Tensor, "b d"]) -> Float[Tensor, "a b"]:
    """⟨x, y⟩ of all rows, (a, b) float32, each off by no more than :func:`product_error` says."""
    if torch.get_float32_matmul_precision() != "highest":  # the user has allowed fewer digits than float32 has
        return (left.double() @ right.double().T).float()
    products = left[:, :DEPTH] @ right[:, :DEPTH].T
    for start in range(DEPTH, left.shape[1], DEPTH):
        here = slice(start, start + DEPTH)
        products.addmm_(left[:, here], right[:, here].T)
    return products


def product_error(width: int) -> float:
    """γ: |computed ⟨x, y⟩ − ⟨x, y⟩| ≤ γ‖x‖‖y‖ in float32, whose rows were rounded once. (Higham 2002, chapter 3)

    DEPTH summands are added up, then one sum for each DEPTH of the width; rounding the rows, multiplying and scaling
    the products to whole numbers are 8 roundings more at most.
    """
    roundings = min(width, DEPTH) + -(-width // DEPTH) + 8
    unit = 2.0**-24
    return roundings * unit / (1 - roundings * unit)


def blocks_of(count: int, block: int = BLOCK) -> Iterator[tuple[slice, slice]]:
    """The blocks that cover the lower triangle of a (count, count) matrix, diagonal blocks included, row by row."""
    for top in range(0, count, block):
        for left in range(0, top + 1, block):
            yield slice(top, min(top + block, count)), slice(left, min(left + block, count))


def pairwise_wasserstein(clouds: Sequence[PointCloud], *, ground: GroundMetric = EUCLIDEAN) -> Float[np.ndarray, "k k"]:
    """W_2 between all clouds, (k, k): symmetric, with a zero diagonal. Equals ``wasserstein`` of each pair.

    Raises:
        ValueError: as :meth:`~whichway.geometry.cloud_stack.CloudStack.of`.
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


def _solve(
    products: Float[np.ndarray, "an bn"],
    places: Int[np.ndarray, "p 2"],
    left: Side,
    right: Side,
    pairs: Int[np.ndarray, "p 2"],
) -> Float[np.ndarray, " p"]:
    """W_2 of pairs of a left and a right cloud, from the blocks of ``products`` at ``places``."""
    from whichway.geometry.assignment import solve_pairs  # Numba takes a second

    first, second = pairs.T
    lengths = left.lengths[first] * right.lengths[second]
    errors = 2 * product_error(left.rows.shape[2]) * left.norms[first] * right.norms[second]
    left_rows, right_rows, centres = left.rows.numpy(), right.rows.numpy(), left.centroids.double().numpy()
    totals = np.empty(len(pairs))

    def solve(part: slice) -> None:
        solve_pairs(
            products,
            places[part],
            left_rows,
            right_rows,
            pairs[part],
            centres,
            lengths[part],
            errors[part],
            totals[part],
        )

    share = max(1, -(-len(pairs) // torch.get_num_threads()))
    list(_SOLVERS.map(solve, [slice(start, start + share) for start in range(0, len(pairs), share)]))
    for pair in np.flatnonzero(np.isnan(totals)):
        totals[pair] = _solve_in_float64(left_rows[first[pair]], right_rows[second[pair]])
    distances: np.ndarray = np.sqrt(totals / left.rows.shape[1])
    return distances


def _solve_in_float64(left: Float[np.ndarray, "n d"], right: Float[np.ndarray, "n d"]) -> float:
    """Σ_i ‖x_i − y_σ(i)‖² of the σ that is optimal for products in float64."""
    from whichway.geometry.assignment import squared_cost

    shifted = [rows.astype(float) - rows.mean(axis=0, dtype=float) for rows in (left, right)]
    _, column_of = linear_sum_assignment(-shifted[0] @ shifted[1].T)
    return float(squared_cost(left, right, column_of))


def _runs(values: Int[np.ndarray, " p"]) -> Iterator[tuple[int, slice]]:
    """Each run of one value: the value and where it is."""
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    for start, stop in itertools.pairwise(edges):
        yield int(values[start]), slice(start, stop)
