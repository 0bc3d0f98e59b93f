"""Clouds → points of a plane, in two views of the same paths (flattened matrices lie to PCA).

- Frobenius: each cloud as its flattened matrix. B and a row-permuted B are far apart, yet render the same image.
- Wasserstein: each cloud as its optimal map from one reference cloud (linearised optimal transport, Wang et al. 2013).
  Order-free; Euclidean distance approximates W_2, and equals it to the reference.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from sklearn.decomposition import PCA

from geometry import PointCloud, optimal_coupling


@dataclass(frozen=True)
class Projection:
    """Points (k, 2) and the share of the variance that each axis shows, (2,)."""

    points: Float[np.ndarray, "clouds 2"]
    explained: Float[np.ndarray, " 2"]


def flatten_rows(clouds: Sequence[PointCloud]) -> Float[np.ndarray, "clouds features"]:
    """Rows scaled by √w_i and flattened, (k, n·d): Euclidean distance is RMS Frobenius."""
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


def project(features: Float[np.ndarray, "clouds features"]) -> Projection:
    """The first two principal components; all zero when the clouds are all the same."""
    if np.ptp(features, axis=0).max() == 0:
        return Projection(np.zeros((len(features), 2)), np.zeros(2))
    pca = PCA(n_components=2, svd_solver="full")
    points = pca.fit_transform(features)
    return Projection(points, pca.explained_variance_ratio_)
