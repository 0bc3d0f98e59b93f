"""Exact k nearest neighbours under W_2, without solving every pair: bounds that are certain rule most of them out.

Lower bound. For orthonormal directions u and the optimal coupling π,
W_2²(A, B) = Σ_ij π_ij ‖x_i − y_j‖² ≥ Σ_u Σ_ij π_ij ⟨u, x_i − y_j⟩² + ‖the rest of mean(A) − mean(B)‖²
           ≥ Σ_u W_2²(uᵀA, uᵀB) + ‖the rest of mean(A) − mean(B)‖²,
and on a line the optimal coupling is the sorted one: the bound is a Euclidean distance between sorted projections, and
at least the centroid distance. Candidates are solved in the order of their lower bounds until the next one exceeds the
k-th distance found (optimal multi-step search, Seidl and Kriegel 1998).

The bound itself is a distance of some thousand numbers, too many to compare each cloud with each. Its principal
components are a bound of the bound: they are compared with all, choose the first candidates, which make the k-th
distance tight from the start, and leave the few clouds for which the whole bound is computed at all.

Bound and distance are compared as they come out of the computer. Their squares are small differences of large numbers,
so that between near-duplicates rounding may lift the bound above the distance, by any factor: the bound's square is
lowered by all that rounding can do to either (:attr:`whichway.geometry.CloudStack.squared_rounding`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from whichway.geometry.cloud_stack import CloudStack
from whichway.geometry.pairwise import wasserstein_pairs

DIRECTIONS = 32  # of projection; more tighten the bound no further (measured: 64 prune 1 % more)
COMPONENTS = 64  # of the bound, compared with all clouds
LEARNT_FROM = 1000  # clouds, at most, that directions and components are computed from: any others give bounds too
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
    return np.split(np.arange(count), range(QUERIES, count, QUERIES))


def bound_features(stack: CloudStack, directions: int = DIRECTIONS) -> Float[Tensor, "N features"]:
    """Points whose Euclidean distance is at most W_2: sorted projections, and what they leave of the centroid."""
    n, width = stack.shape
    directions = min(directions, width)
    centre = stack.centre
    basis = _principal_directions(_sample(stack) - centre, directions)
    features = torch.empty(len(stack), directions * n + width, dtype=torch.float64)
    for here, rows in stack.blocks():
        around = rows - centre
        projections = (around @ basis).sort(dim=1).values / n**0.5
        centroids = around.mean(dim=1)
        features[here, : directions * n] = projections.flatten(1)
        features[here, directions * n :] = centroids - centroids @ basis @ basis.T
    return features


def _sample(stack: CloudStack) -> Float[Tensor, "p d"]:
    """The rows of some of the clouds, evenly spread."""
    chosen = np.unique(np.linspace(0, len(stack) - 1, min(len(stack), LEARNT_FROM // 4)).astype(int))
    return stack.rows[chosen].double().flatten(0, 1)


def _principal_directions(points: Float[Tensor, "p d"], count: int) -> Float[Tensor, "d k"]:
    """The ``count`` directions of largest variance, orthonormal, of points around their mean.

    Any others would give a bound too, only a looser one.
    """
    return torch.linalg.eigh(points.T @ points).eigenvectors[:, -count:]


@dataclass(frozen=True, eq=False)
class LowerBounds:
    """Vectors whose Euclidean distances are at most W_2, and shorter ones whose distances are at most theirs.

    Attributes:
        features: (N, f) of :func:`bound_features`.
        components: (N, c), their coordinates on their first principal components.
        squared_rounding: by which a bound's square is lowered.
    """

    features: Float[np.ndarray, "N f"]
    components: Float[Tensor, "N c"]
    squared_rounding: float

    @classmethod
    def of(cls, stack: CloudStack) -> "LowerBounds":
        features = bound_features(stack)
        sample = features[:: max(1, len(features) // LEARNT_FROM)]
        # of the few, more than as many as there are in the sample are zero
        count = min(COMPONENTS, *sample.shape)
        basis = torch.linalg.svd(sample - sample.mean(dim=0), full_matrices=False).Vh[:count].T
        return cls(features.numpy(), features @ basis, stack.squared_rounding)

    def __len__(self) -> int:
        return len(self.features)

    def coarse(self, queries: Int[np.ndarray, " q"]) -> Float[np.ndarray, "q N"]:
        """Of each query with every cloud, by the components alone."""
        return self._lowered(torch.cdist(self.components[queries], self.components).numpy())

    def fine(self, query: int, clouds: Int[np.ndarray, " c"]) -> Float[np.ndarray, " c"]:
        """Of one query with some clouds."""
        return self._lowered(np.linalg.norm(self.features[clouds] - self.features[query], axis=1))

    def _lowered(self, distances: np.ndarray) -> np.ndarray:
        lowered: np.ndarray = np.sqrt(np.maximum((distances * CERTAIN) ** 2 - self.squared_rounding, 0))
        return lowered


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
