"""Exact k nearest neighbours under W_2, without solving every pair: bounds that are certain rule most of them out.

The principal components of the bound (:mod:`whichway.geometry.lower_bounds`) are compared with all clouds. They choose
the first candidates, which make the k-th distance tight from the start, and leave the few clouds for which the whole
bound is computed. Those are solved in the order of their bounds until the next one exceeds the k-th distance found
(optimal multi-step search, Seidl and Kriegel 1998).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from whichway.geometry.cloud_stack import CloudStack
from whichway.geometry.lower_bounds import LowerBounds
from whichway.geometry.pairwise import wasserstein_pairs

QUERIES = 256  # clouds, at most, whose candidates are searched together,
COMPARED = 256 * 20_000  # and pairs, at most, whose coarse bounds are in memory together


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
    bounds = LowerBounds.of(stack)
    solved = SolvedPairs(stack)
    parts = []
    for queries in batches_of_queries(count):
        parts.append(search(bounds, queries, k, solved))
        report(len(queries))
    indices, distances = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Neighbours(indices, distances, len(solved))


def batches_of_queries(count: int) -> list[Int[np.ndarray, " q"]]:
    """The clouds whose neighbours are searched together."""
    size = max(1, min(QUERIES, COMPARED // count))
    return np.split(np.arange(count), range(size, count, size))


def search(
    bounds: LowerBounds, queries: Int[np.ndarray, " q"], k: int, solved: "SolvedPairs"
) -> tuple[Int[np.ndarray, "q k"], Float[np.ndarray, "q k"]]:
    """Neighbours and distances of the queries, each a few candidates further in every round, all rounds together."""
    coarse = bounds.coarse(queries)
    coarse[np.arange(len(queries)), queries] = np.inf  # no cloud is its own neighbour
    first = np.argpartition(coarse, k - 1, axis=1)[:, :k]
    start = solved.distances(np.repeat(queries, k), first.ravel()).reshape(first.shape)
    searches = [
        _Search.of(bounds, query, row, of_query)
        for query, row, of_query in zip(queries.tolist(), coarse, start.max(axis=1), strict=True)
    ]
    step = k
    while asked := [(each, columns) for each in searches if len(columns := each.next_candidates(step, k))]:
        columns = np.concatenate([columns for _, columns in asked])
        owners = np.repeat([each.query for each, _ in asked], [len(columns) for _, columns in asked])
        parts = np.split(solved.distances(owners, columns), np.cumsum([len(part) for _, part in asked])[:-1])
        for (each, _), of_query in zip(asked, parts, strict=True):
            each.take(of_query)
        step = max(1, k // 4)
    nearest = [each.nearest(k) for each in searches]
    return np.stack([indices for indices, _ in nearest]), np.stack([distances for _, distances in nearest])


@dataclass
class _Search:
    """The candidates of one query, in the order of their bounds, and the distances of those that were solved."""

    query: int
    candidates: Int[np.ndarray, " c"]
    bounds: Float[np.ndarray, " c"]
    distances: Float[np.ndarray, " s"]

    @classmethod
    def of(cls, bounds: LowerBounds, query: int, coarse: Float[np.ndarray, " N"], enough: float) -> "_Search":
        """Of all clouds that may be nearer than ``enough``, within which there are as many as are wanted."""
        candidates = np.flatnonzero(coarse <= enough)
        fine = bounds.fine(query, candidates)
        order = np.argsort(fine, kind="stable")
        order = order[fine[order] <= enough]
        return cls(query, candidates[order], fine[order], np.empty(0))

    def next_candidates(self, step: int, k: int) -> Int[np.ndarray, " s"]:
        """The next few, as far as their bounds are not beyond the k-th distance."""
        reached = len(self.distances)
        worst = np.partition(self.distances, k - 1)[k - 1] if reached >= k else np.inf
        ahead = slice(reached, reached + step)
        return self.candidates[ahead][self.bounds[ahead] <= worst]  # bounds ascend

    def take(self, distances: Float[np.ndarray, " s"]) -> None:
        self.distances = np.concatenate([self.distances, distances])

    def nearest(self, k: int) -> tuple[Int[np.ndarray, " k"], Float[np.ndarray, " k"]]:
        solved = self.candidates[: len(self.distances)]
        order = np.lexsort([solved, self.distances])[:k]
        return solved[order], self.distances[order]


class SolvedPairs:
    """W_2 of pairs, each solved once whichever of the two asks first."""

    def __init__(self, stack: CloudStack) -> None:
        self._stack = stack
        self._distances: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._distances)

    def distances(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        count = len(self._stack)
        keys = np.minimum(first, second) * count + np.maximum(first, second)
        missing = np.array([key for key in np.unique(keys).tolist() if key not in self._distances], int)
        solved = wasserstein_pairs(self._stack, missing // count, missing % count)
        self._distances.update(zip(missing.tolist(), solved.tolist(), strict=True))
        return np.array([self._distances[key] for key in keys.tolist()])
