"""Clouds → points of a plane, in two views (flattened matrices lie), and by how much the plane itself lies.

- Frobenius view: each cloud as its flattened matrix. B and a row-permuted B are far apart, yet render the same image.
- Wasserstein view: order-free. MDS and UMAP see exact W_2; PCA sees each cloud as its optimal map from one reference
  cloud (linearised optimal transport, Wang et al. 2013), whose Euclidean distance approximates W_2.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import pdist, squareform
from sklearn.decomposition import PCA
from sklearn.manifold import MDS, trustworthiness
from tqdm.auto import tqdm

from whichway.analysis.vocabulary import FEWEST_FOR_UMAP, PROJECTIONS, VIEWS, require_free_name
from whichway.geometry import (
    CloudStack,
    Neighbours,
    PointCloud,
    flatten_rows,
    linearise,
    nearest_neighbours,
    pairwise_wasserstein,
    wasserstein,
)
from whichway.geometry.cloud_stack import is_stackable

NEIGHBOURS = 5  # within which trustworthiness looks
MAPPED_NEIGHBOURS = 15  # that UMAP keeps together
ALL_PAIRS = 300  # clouds; of more, UMAP's neighbours are found without solving every pair
SAMPLE = 200  # clouds on which the distortion of a larger map is measured


@dataclass(frozen=True)
class Projection:
    """Where the clouds are on the plane, and how far that can be trusted.

    Attributes:
        points: (k, 2).
        axes: what the two axes are called.
        stress: Kruskal's stress-1, √(Σ (δ_ij − β d_ij)² / Σ δ_ij²) over all pairs, δ the distances that were projected,
            d those on the plane, β the best scale. 0: the plane shows distances as they are.
        trustworthiness: from 0 to 1, the share of neighbours on the plane that are neighbours in truth, weighted by
            rank (Venna and Kaski 2001); None for fewer than 4 clouds.
        sampled: the number of clouds on which both were measured, where not all.
        neighbours: those that the map was made from, where it was made from them.
    """

    points: Float[np.ndarray, "clouds 2"]
    axes: tuple[str, str]
    stress: float
    trustworthiness: float | None
    sampled: int | None = None
    neighbours: Neighbours | None = None

    @property
    def distortion(self) -> str:
        """Both in words, for a title."""
        trust = "" if self.trustworthiness is None else f", trustworthiness {self.trustworthiness:.2f}"
        return f"stress {self.stress:.2f}{trust}" + (f" (of a sample of {self.sampled})" if self.sampled else "")


def project(
    clouds: Sequence[PointCloud],
    view: str,
    *,
    method: str = "pca",
    reference: PointCloud | None = None,
    seed: int = 0,
) -> Projection:
    """Clouds of one width on a plane.

    Args:
        view: "frobenius" or "wasserstein".
        method: "pca", "mds", "umap", or one that was registered.
        reference: of the linearisation, for PCA in the Wasserstein view; default: the first cloud.
        seed: of MDS and UMAP.

    Raises:
        ValueError: an unknown view or method, clouds of different width (in the Frobenius view: shape), or fewer
            clouds than UMAP needs.
    """
    for name, known in ((view, VIEWS), (method, PROJECTIONS)):
        if name not in known:
            raise ValueError(f"unknown {name!r}; known: {', '.join(known)}")
    if takes_neighbours(len(clouds), view, method) and is_stackable(clouds):
        stack = CloudStack.of(clouds)
        return project_neighbours(stack, find_neighbours(stack), seed=seed)
    if method == "pca":
        features = flatten_rows(clouds) if view == "frobenius" else linearise(clouds, reference or clouds[0])
        distances = squareform(pdist(features))
        points, axes = _principal_components(features)
    else:
        distances = pairwise_distances(clouds, view)
        points, axes = _PLANES[method](distances, seed), (f"{method.upper()} 1", f"{method.upper()} 2")
    return Projection(points, axes, stress(distances, points), _trustworthiness(distances, points))


def takes_neighbours(count: int, view: str, method: str) -> bool:
    """Whether a projection is made from nearest neighbours alone."""
    return method == "umap" and view == "wasserstein" and count > ALL_PAIRS


def project_neighbours(stack: CloudStack, neighbours: Neighbours, *, seed: int = 0) -> Projection:
    """UMAP of many clouds, from their nearest neighbours alone; its distortion is measured on a sample.

    Where the graph of neighbours falls into pieces, their centroids say which piece lies beside which.
    """
    from umap import UMAP  # takes ten seconds

    itself = np.arange(len(stack))[:, None]
    indices = np.hstack([itself, neighbours.indices])  # UMAP counts a point as its own first neighbour
    distances = np.hstack([np.zeros_like(itself, float), neighbours.distances])
    mapper = UMAP(n_neighbors=indices.shape[1], precomputed_knn=(indices, distances), random_state=seed, n_jobs=1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "precomputed_knn")
        points = mapper.fit_transform(stack.sizes.centroids.numpy()).astype(np.float64)
    sample = np.random.default_rng(seed).choice(len(stack), min(SAMPLE, len(stack)), replace=False)
    exact = pairwise_wasserstein([PointCloud(rows) for rows in stack.rows[sample]])
    shown = points[sample]
    axes = ("UMAP 1", "UMAP 2")
    return Projection(points, axes, stress(exact, shown), _trustworthiness(exact, shown), len(sample), neighbours)


def find_neighbours(stack: CloudStack, *, progress: bool = True) -> Neighbours:
    """Those that UMAP keeps together."""
    with tqdm(desc="neighbours", total=len(stack), disable=not progress) as bar:
        return nearest_neighbours(stack, min(MAPPED_NEIGHBOURS, len(stack) - 1), report=bar.update)


def neighbours_of(clouds: Sequence[PointCloud]) -> Neighbours:
    """As :func:`find_neighbours`, of clouds that need not be of one size: then every pair is solved."""
    if is_stackable(clouds):
        return find_neighbours(CloudStack.of(clouds))
    distances = pairwise_distances(clouds, "wasserstein")
    np.fill_diagonal(distances, np.inf)
    count = min(MAPPED_NEIGHBOURS, len(clouds) - 1)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return Neighbours(nearest, np.take_along_axis(distances, nearest, axis=1), len(clouds) * (len(clouds) - 1) // 2)


def pairwise_distances(clouds: Sequence[PointCloud], view: str) -> Float[np.ndarray, "clouds clouds"]:
    """RMS Frobenius or W_2 between all clouds, exact.

    Raises:
        ValueError: clouds of different width (Frobenius: shape).
    """
    if view == "frobenius":
        return squareform(pdist(flatten_rows(clouds)))
    if is_stackable(clouds):
        return pairwise_wasserstein(clouds)
    distances = np.zeros((len(clouds), len(clouds)))
    for i, a in enumerate(clouds):
        for j, b in enumerate(clouds[:i]):
            distances[i, j] = distances[j, i] = wasserstein(a, b)
    return distances


def stress(distances: Float[np.ndarray, "k k"], points: Float[np.ndarray, "k 2"]) -> float:
    """Kruskal's stress-1 at the best scale; see :class:`Projection`. 0 for clouds that are all the same."""
    wanted, shown = squareform(distances, checks=False), pdist(points)
    if not wanted.any():
        return 0.0
    scale = (wanted @ shown) / (shown @ shown) if shown.any() else 0.0
    return float(np.linalg.norm(wanted - scale * shown) / np.linalg.norm(wanted))


def _trustworthiness(distances: np.ndarray, points: np.ndarray) -> float | None:
    neighbours = min(NEIGHBOURS, (len(points) - 1) // 2)
    return (
        float(trustworthiness(distances, points, n_neighbors=neighbours, metric="precomputed")) if neighbours else None
    )


def _principal_components(features: np.ndarray) -> tuple[np.ndarray, tuple[str, str]]:
    """The first two; all zero when the clouds are all the same."""
    if len(features) < 2 or np.ptp(features, axis=0).max() == 0:
        return np.zeros((len(features), 2)), ("PC 1", "PC 2")
    pca = PCA(n_components=2, svd_solver="full")
    points = pca.fit_transform(features)
    first, second = (f"{share:.0%}" for share in pca.explained_variance_ratio_)
    return points, (f"PC 1 ({first} of variance)", f"PC 2 ({second})")


def _scaling(distances: np.ndarray, seed: int) -> np.ndarray:
    if not distances.any():
        return np.zeros((len(distances), 2))
    mds = MDS(n_components=2, metric="precomputed", init="classical_mds", n_init=1, random_state=seed)
    points: np.ndarray = mds.fit_transform(distances)
    return points


def _neighbourhoods(distances: np.ndarray, seed: int) -> np.ndarray:
    if len(distances) < FEWEST_FOR_UMAP:
        raise ValueError(
            f"UMAP needs at least {FEWEST_FOR_UMAP} clouds, got {len(distances)}; MDS and PCA do with fewer"
        )
    from umap import UMAP  # takes ten seconds

    mapper = UMAP(
        n_neighbors=min(MAPPED_NEIGHBOURS, len(distances) - 1), metric="precomputed", random_state=seed, n_jobs=1
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "using precomputed metric; inverse_transform")
        points: np.ndarray = mapper.fit_transform(distances).astype(np.float64)
    return points


_PLANES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {"mds": _scaling, "umap": _neighbourhoods}


def register_projection(name: str, summary: str, plane: Callable[[np.ndarray, int], np.ndarray]) -> None:
    """Make a projection known: to :func:`project`, all settings and the command line.

    Args:
        summary: a few words on what it is.
        plane: distances between clouds, (k, k), symmetric, and a seed → points on the plane, (k, 2).

    Raises:
        ValueError: the name is taken, or could not be told from two names.
    """
    require_free_name("projection", name, PROJECTIONS)
    _PLANES[name] = plane
    PROJECTIONS[name] = summary
