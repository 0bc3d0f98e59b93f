"""Clouds as vectors whose Euclidean distance is, or approximates, a distance of clouds: for sets too large for pairs.

- :func:`flatten_rows`: RMS Frobenius itself
- :func:`linearise`: linearised optimal transport; where no row splits, never below W_2
- :func:`slice_rows`: sliced W_2 in W_2's units; with all directions, never above W_2
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float

from whichway.geometry.cloud import PointCloud
from whichway.geometry.cloud_stack import require_stackable
from whichway.geometry.coupling import optimal_coupling
from whichway.geometry.ground import EUCLIDEAN, GroundMetric


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


def linearise(
    clouds: Sequence[PointCloud], reference: PointCloud, *, ground: GroundMetric = EUCLIDEAN
) -> Float[np.ndarray, "clouds features"]:
    """Where the reference's rows travel in each cloud, scaled by √w_i and flattened, (k, n·d). (Wang et al. 2013)

    Row i goes to Σ_j π_ij y_j / w_i, π the optimal coupling from the reference: for as many rows of uniform weights a
    permutation of the cloud's rows, and the distance to the reference is W_2 itself; where rows split, the mean of
    where they go, and the distance is at most W_2.

    Raises:
        ValueError: clouds of different width.
    """
    return flatten_rows([_optimal_map(cloud, reference, ground) for cloud in clouds])


def _optimal_map(cloud: PointCloud, reference: PointCloud, ground: GroundMetric) -> PointCloud:
    coupling = optimal_coupling(reference, cloud, ground=ground)
    features, weights = ground.features(cloud.rows.double()), reference.weights.double()
    if len(coupling.mass) == len(reference) == len(cloud):
        return PointCloud(features[coupling.targets], weights)
    return PointCloud(coupling.plan(len(reference), len(cloud)).double() @ features / weights[:, None], weights)


def slice_rows(
    clouds: Sequence[PointCloud], *, directions: int = 64, seed: int = 0, ground: GroundMetric = EUCLIDEAN
) -> Float[np.ndarray, "clouds features"]:
    """Sorted projections onto random orthonormal directions, (k, L·n): √d times sliced W_2. (Bonneel et al. 2015)

    On a line the optimal coupling is the sorted one. Scaled by √(d / L) for L directions of R^d; with L = d their
    squares add up to no more than W_2².

    Args:
        directions: L; at most d are taken.

    Raises:
        ValueError: clouds of different shape, or weights that are not uniform.
    """
    require_stackable(clouds)
    rows, width = ground.features(clouds[0].rows.double()).shape
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(width, min(directions, width), generator=generator, dtype=torch.float64)
    basis = torch.linalg.qr(normal).Q
    scale = (width / basis.shape[1] / rows) ** 0.5
    slices = np.empty((len(clouds), rows * basis.shape[1]))
    for place, cloud in zip(slices, clouds, strict=True):
        projections = ground.features(cloud.rows.double()) @ basis
        place[:] = (projections.sort(dim=0).values * scale).flatten().numpy()
    return slices
