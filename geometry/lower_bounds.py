"""Certain lower bounds of W_2 between many clouds: Euclidean distances between vectors, one of each cloud.

For orthonormal directions u and the optimal coupling π,
W_2²(A, B) = Σ_ij π_ij ‖x_i − y_j‖² ≥ Σ_u Σ_ij π_ij ⟨u, x_i − y_j⟩² + ‖the rest of mean(A) − mean(B)‖²
           ≥ Σ_u W_2²(uᵀA, uᵀB) + ‖the rest of mean(A) − mean(B)‖²,
and on a line the optimal coupling is the sorted one: the bound is a Euclidean distance between sorted projections, and
at least the centroid distance.

The bound itself is a distance of some thousand numbers, too many to compare each cloud with each. Its principal
components are a bound of the bound: they are compared with all, and leave the few clouds for which the whole bound is
computed at all.

Bound and distance are compared as they come out of the computer. Their squares are small differences of large numbers,
so that between near-duplicates rounding may lift the bound above the distance, by any factor: the bound's square is
lowered by all that rounding can do to either (:attr:`whichway.geometry.CloudStack.squared_rounding`), and the bound
before that by what the features lose by being kept in float32.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from whichway.geometry.cloud_stack import CloudStack
from whichway.geometry.npy_file import write_header

DIRECTIONS = 32  # of projection; more tighten the bound no further (measured: 64 prune 1 % more)
COMPONENTS = 64  # of the bound, compared with all clouds
LEARNT_FROM = 1000  # clouds, at most, that directions and components are computed from: any others give bounds too
CERTAIN = 1 - 1e-9  # of the bound: it may be met exactly
UNIT = 2.0**-24  # by which a number is off, at most and relatively, that was rounded to float32
READ = 1024  # features read at once where all are read


@dataclass(frozen=True)
class StoredFeatures:
    """Vectors in a .npy, read a few at a time; they travel to another process as their path, from the root."""

    path: Path

    def __getstate__(self) -> dict[str, Path]:
        return {"path": self.path.resolve()}

    def __len__(self) -> int:
        return len(self._map())

    def __getitem__(self, clouds: int | slice | Int[np.ndarray, " c"]) -> np.ndarray:
        return np.array(self._map()[clouds])

    def _map(self) -> np.ndarray:
        # opened for each reading: what was read long ago is no longer counted as this process's memory
        features: np.ndarray = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return features


@dataclass(frozen=True, eq=False)
class LowerBounds:
    """Vectors whose Euclidean distances are at most W_2, and shorter ones whose distances are at most theirs.

    Attributes:
        features: (N, f) float32, of :func:`feature_blocks`.
        components: (N, c), their coordinates on their first principal components.
        rounding: by which a bound is lowered, since its features were rounded.
        squared_rounding: by which its square is lowered then.
    """

    features: Float[np.ndarray, "N f"] | StoredFeatures
    components: Float[Tensor, "N c"]
    rounding: float
    squared_rounding: float

    @classmethod
    def of(cls, stack: CloudStack, file: Path | None = None) -> "LowerBounds":
        """Of all clouds; the features in ``file``, a .npy that is written over, where memory should not hold them.

        Raises:
            OSError: the file cannot be written.
        """
        features: np.ndarray | StoredFeatures
        if file is None:
            features = np.empty((len(stack), feature_count(stack)), np.float32)
            longest = max(_fill(features, here, block) for here, block in feature_blocks(stack))
        else:
            longest = _write(stack, file)
            features = StoredFeatures(file)
        sample = torch.from_numpy(features[:: max(1, len(stack) // LEARNT_FROM)]).double()
        # of the few, more than as many as there are in the sample are zero
        count = min(COMPONENTS, *sample.shape)
        basis = torch.linalg.svd(sample - sample.mean(dim=0), full_matrices=False).Vh[:count].T
        components = torch.empty(len(stack), count, dtype=torch.float64)
        for start in range(0, len(stack), READ):
            here = slice(start, start + READ)
            components[here] = torch.from_numpy(features[here]).double() @ basis
        return cls(features, components, 2 * UNIT * longest, stack.squared_rounding)

    def __len__(self) -> int:
        return len(self.components)

    def coarse(self, queries: Int[np.ndarray, " q"]) -> Float[np.ndarray, "q N"]:
        """Of each query with every cloud, by the components alone."""
        return self._lowered(torch.cdist(self.components[queries], self.components).numpy())

    def fine(self, query: int, clouds: Int[np.ndarray, " c"]) -> Float[np.ndarray, " c"]:
        """Of one query with some clouds."""
        apart = self.features[clouds].astype(float)
        apart -= self.features[query]
        return self._lowered(np.linalg.norm(apart, axis=1))

    def _lowered(self, distances: np.ndarray) -> np.ndarray:
        """In place: of a whole set, they are a large part of the memory that is needed."""
        distances *= CERTAIN
        distances -= self.rounding
        np.square(np.maximum(distances, 0, out=distances), out=distances)
        distances -= self.squared_rounding
        return np.sqrt(np.maximum(distances, 0, out=distances), out=distances)


def feature_count(stack: CloudStack, directions: int = DIRECTIONS) -> int:
    """How many numbers a cloud's features are."""
    n, width = stack.shape
    return min(directions, width) * n + width


def feature_blocks(
    stack: CloudStack, directions: int = DIRECTIONS
) -> Iterator[tuple[slice, Float[Tensor, "b features"]]]:
    """Points whose Euclidean distance is at most W_2: sorted projections, and what they leave of the centroid; a few
    clouds at a time, in float64.
    """
    n, width = stack.shape
    centre = stack.centre
    basis = _principal_directions(_sample(stack) - centre, min(directions, width))
    for here, rows in stack.blocks():
        around = rows - centre
        projections = (around @ basis).sort(dim=1).values / n**0.5
        centroids = around.mean(dim=1)
        yield here, torch.hstack([projections.flatten(1), centroids - centroids @ basis @ basis.T])


def _fill(features: np.ndarray, here: slice, block: Float[Tensor, "b features"]) -> float:
    """Put a block among the features; the length of its longest vector."""
    features[here] = block.numpy()
    return float(block.norm(dim=1).max())


def _write(stack: CloudStack, path: Path) -> float:
    """The features, as a .npy; the length of the longest."""
    longest = 0.0
    with path.open("wb") as file:
        write_header(file, (len(stack), feature_count(stack)), "<f4")
        for _, block in feature_blocks(stack):
            longest = max(longest, float(block.norm(dim=1).max()))
            file.write(block.numpy().astype("<f4").tobytes())
    return longest


def _sample(stack: CloudStack) -> Float[Tensor, "p d"]:
    """The rows of some of the clouds, evenly spread."""
    chosen = np.unique(np.linspace(0, len(stack) - 1, min(len(stack), LEARNT_FROM // 4)).astype(int))
    return stack.rows[chosen].double().flatten(0, 1)


def _principal_directions(points: Float[Tensor, "p d"], count: int) -> Float[Tensor, "d k"]:
    """The ``count`` directions of largest variance, orthonormal, of points around their mean.

    Any others would give a bound too, only a looser one.
    """
    return torch.linalg.eigh(points.T @ points).eigenvectors[:, -count:]
