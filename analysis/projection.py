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

from geometry import PointCloud, optimal_coupling, wasserstein

NEIGHBOURS = 5  # within which trustworthiness looks
VIEWS = {"frobenius": "rows in their order", "wasserstein": "rows in any order"}
PROJECTIONS = {
    "pca": "principal components: straight ways stay straight",
    "mds": "multidimensional scaling: distances stay as far as they can",
    "umap": "neighbours stay neighbours; distances mean little",
}


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
    """

    points: Float[np.ndarray, "clouds 2"]
    axes: tuple[str, str]
    stress: float
    trustworthiness: float | None

    @property
    def distortion(self) -> str:
        """Both in words, for a title."""
        trust = "" if self.trustworthiness is None else f", trustworthiness {self.trustworthiness:.2f}"
        return f"stress {self.stress:.2f}{trust}"


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
        method: "pca", "mds" or "umap".
        reference: of the linearisation, for PCA in the Wasserstein view; default: the first cloud.
        seed: of MDS and UMAP.

    Raises:
        ValueError: an unknown view or method, clouds of different width (in the Frobenius view: shape), or fewer
            clouds than UMAP needs.
    """
    for name, known in ((view, VIEWS), (method, PROJECTIONS)):
        if name not in known:
            raise ValueError(f"unknown {name!r}; known: {', '.join(known)}")
    if method == "pca":
        features = flatten_rows(clouds) if view == "frobenius" else linearise(clouds, reference or clouds[0])
        distances = squareform(pdist(features))
        points, axes = _principal_components(features)
    else:
        distances = pairwise_distances(clouds, view)
        points, axes = _PLANES[method](distances, seed), (f"{method.upper()} 1", f"{method.upper()} 2")
    return Projection(points, axes, stress(distances, points), _trustworthiness(distances, points))


def pairwise_distances(clouds: Sequence[PointCloud], view: str) -> Float[np.ndarray, "clouds clouds"]:
    """RMS Frobenius or W_2 between all clouds, exact.

    Raises:
        ValueError: clouds of different width (Frobenius: shape).
    """
    if view == "frobenius":
        return squareform(pdist(flatten_rows(clouds)))
    distances = np.zeros((len(clouds), len(clouds)))
    for i, a in enumerate(clouds):
        for j, b in enumerate(clouds[:i]):
            distances[i, j] = distances[j, i] = wasserstein(a, b)
    return distances


def flatten_rows(clouds: Sequence[PointCloud]) -> Float[np.ndarray, "clouds features"]:
    """Rows scaled by √w_i and flattened, (k, n·d): Euclidean distance is RMS Frobenius.

    Raises:
        ValueError: clouds of different shape.
    """
    shapes = {tuple(cloud.rows.shape) for cloud in clouds}
    if len(shapes) > 1:
        raise ValueError(f"clouds of different shape are no matrices to compare: {sorted(shapes)}")
    scaled = (cloud.rows.double() * cloud.weights.double().sqrt()[:, None] for cloud in clouds)
    return np.stack([rows.flatten().numpy() for rows in scaled])


def linearise(clouds: Sequence[PointCloud], reference: PointCloud) -> Float[np.ndarray, "clouds features"]:
    """Where the reference's rows travel in each cloud, scaled by √w_i and flattened, (k, n·d).

    Row i goes to Σ_j π_ij y_j / w_i, π the optimal coupling from the reference: for as many rows of uniform weights a
    permutation of the cloud's rows, and the distance to the reference is W_2 itself; where rows split, the mean of
    where they go, and the distance is at most W_2.

    Raises:
        ValueError: clouds of different width.
    """
    return flatten_rows([_optimal_map(cloud, reference) for cloud in clouds])


def _optimal_map(cloud: PointCloud, reference: PointCloud) -> PointCloud:
    coupling = optimal_coupling(reference, cloud)
    rows, weights = cloud.rows.double(), reference.weights.double()
    if len(coupling.mass) == len(reference) == len(cloud):
        return PointCloud(rows[coupling.targets], weights)
    return PointCloud(coupling.plan(len(reference), len(cloud)).double() @ rows / weights[:, None], weights)


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
    if len(distances) < 5:
        raise ValueError(f"UMAP needs at least 5 clouds, got {len(distances)}; MDS and PCA do with fewer")
    from umap import UMAP  # takes ten seconds

    mapper = UMAP(n_neighbors=min(15, len(distances) - 1), metric="precomputed", random_state=seed, n_jobs=1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "using precomputed metric; inverse_transform")
        points: np.ndarray = mapper.fit_transform(distances).astype(np.float64)
    return points


_PLANES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {"mds": _scaling, "umap": _neighbourhoods}
