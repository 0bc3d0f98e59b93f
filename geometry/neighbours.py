"""Exact k nearest neighbours under W_2, without solving every pair: bounds that are certain rule most of them out.

Lower bound. For orthonormal directions u and the optimal coupling π,
W_2²(A, B) = Σ_ij π_ij ‖x_i − y_j‖² ≥ Σ_u Σ_ij π_ij ⟨u, x_i − y_j⟩² + ‖the rest of mean(A) − mean(B)‖²
           ≥ Σ_u W_2²(uᵀA, uᵀB) + ‖the rest of mean(A) − mean(B)‖²,
and on a line the optimal coupling is the sorted one: the bound is a Euclidean distance between sorted projections, and
at least the centroid distance. Candidates are solved in the order of their lower bounds until the next one exceeds the
k-th distance found (optimal multi-step search, Seidl and Kriegel 1998).

Bound and distance are compared as they come out of the computer. Their squares are small differences of large numbers,
so that between near-duplicates rounding may lift the bound above the distance, by any factor: the bound's square is
lowered by all that rounding can do to either (:attr:`whichway.geometry.pairwise.CloudStack.squared_rounding`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from whichway.geometry.pairwise import CloudStack, wasserstein_pairs

DIRECTIONS = 32  # of projection; more tighten the bound no further (measured: 64 prune 1 % more)
QUERIES = 256  # clouds whose candidates are searched together
CERTAIN = 1 - 1e-9  # of the bound: it may be met exactly


@dataclass(frozen=True)
class Neighbours:
    """The k nearest neighbours of each of N clouds.

    Attributes:
        indices: (N, k), nearest first, never the cloud itself; ties in the order of the index.
        distances: (N, k), W_2.
        solved: how many of the N·(N − 1)/2 pairs an assignment was solved for.
    """

    indices: Int[np.ndarray, "N k"]
    distances: Float[np.ndarray, "N k"]
    solved: int

    @property
    def share_solved(self) -> float:
        count = len(self.indices)
        return self.solved / (count * (count - 1) / 2)


def nearest_neighbours(
    stack: CloudStack, k: int, *, report: Callable[[int], object] = lambda queries: None
) -> Neighbours:
    """The k nearest of all other clouds to each cloud, the same as from the whole matrix of distances.

    Args:
        report: called with the number of clouds answered since the last call.

    Raises:
        ValueError: k < 1, or not fewer than the clouds.
    """
    count = len(stack)
    if not 1 <= k < count:
        raise ValueError(f"k: wanted 1 to {count - 1}, fewer than the clouds, got {k}")
    features = bound_features(stack)
    solved = SolvedPairs(stack)
    parts = []
    for queries in batches_of_queries(count):
        parts.append(search(features, queries, k, solved))
        report(len(queries))
    indices, distances = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Neighbours(indices, distances, len(solved))


def batches_of_queries(count: int) -> list[Int[np.ndarray, " q"]]:
    """The clouds whose neighbours are searched together."""
    return np.split(np.arange(count), range(QUERIES, count, QUERIES))


def bound_features(stack: CloudStack, directions: int = DIRECTIONS) -> Float[Tensor, "N features"]:
    """Points whose Euclidean distance is at most W_2: sorted projections, and what they leave of the centroid."""
    rows = stack.rows
    count, n, width = rows.shape
    directions = min(directions, width)
    basis = _principal_directions(rows.reshape(-1, width), directions)
    projections = (rows @ basis).sort(dim=1).values / n**0.5
    centroids = rows.mean(dim=1)
    rest = centroids - centroids @ basis @ basis.T
    return torch.cat([projections.reshape(count, -1), rest], dim=1)


def _principal_directions(points: Float[Tensor, "p d"], count: int) -> Float[Tensor, "d k"]:
    """The ``count`` directions of largest variance, orthonormal, of points around their mean.

    Any others would give a bound too, only a looser one.
    """
    return torch.linalg.eigh(points.T @ points).eigenvectors[:, -count:]


def search(
    features: Float[Tensor, "N features"], queries: Int[np.ndarray, " q"], k: int, solved: "SolvedPairs"
) -> tuple[Int[np.ndarray, "q k"], Float[np.ndarray, "q k"]]:
    """Neighbours and distances of the queries, each a few candidates further in every round, all rounds together."""
    distances = torch.cdist(features[queries], features).cpu().numpy() * CERTAIN
    lower = np.sqrt(np.maximum(distances**2 - solved.squared_rounding, 0))
    lower[np.arange(len(queries)), queries] = np.inf  # no cloud is its own neighbour
    order = np.argsort(lower, axis=1, kind="stable")
    bounds = np.take_along_axis(lower, order, axis=1)
    exact = np.full(lower.shape, np.inf)
    reached, worst = np.zeros(len(queries), int), np.full(len(queries), np.inf)  # worst: the k-th distance so far
    step = k
    while True:
        ranks = reached[:, None] + np.arange(step)
        ahead = np.take_along_axis(bounds, np.minimum(ranks, len(features) - 1), axis=1)
        # bounds ascend: what is not wanted is at the end of a row
        wanted = (ranks < len(features) - 1) & (ahead <= worst[:, None])
        if not wanted.any():
            break
        rows, places = np.nonzero(wanted)
        columns = order[rows, ranks[rows, places]]
        exact[rows, columns] = solved.distances(queries[rows], columns)
        reached += wanted.sum(axis=1)
        worst = np.partition(exact, k - 1, axis=1)[:, k - 1]
        step = max(1, k // 4)
    nearest = np.argsort(exact, axis=1, kind="stable")[:, :k]
    return nearest, np.take_along_axis(exact, nearest, axis=1)


class SolvedPairs:
    """W_2 of pairs, each solved once whichever of the two asks first."""

    def __init__(self, stack: CloudStack) -> None:
        self._stack = stack
        self._distances: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._distances)

    @property
    def squared_rounding(self) -> float:
        """Of the stack."""
        return self._stack.squared_rounding

    def distances(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        count = len(self._stack)
        keys = np.minimum(first, second) * count + np.maximum(first, second)
        missing = np.array([key for key in np.unique(keys).tolist() if key not in self._distances], int)
        solved = wasserstein_pairs(self._stack, missing // count, missing % count)
        self._distances.update(zip(missing.tolist(), solved.tolist(), strict=True))
        return np.array([self._distances[key] for key in keys.tolist()])
