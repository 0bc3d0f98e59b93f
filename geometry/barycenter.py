"""Barycenters: one cloud between several, for any weights of them."""

from collections.abc import Sequence

import torch

from whichway.geometry.cloud import PointCloud
from whichway.geometry.coupling import probabilities
from whichway.geometry.ground import require_same_width


def barycenter(clouds: Sequence[PointCloud], weights: Sequence[float], *, iterations: int = 100) -> PointCloud:
    """A free-support W_2 barycenter: a local minimum over clouds X of Σ_k λ_k W_2²(X, A_k). (Cuturi, Doucet 2014)

    As many rows as the heaviest cloud, uniform weights, starting from its rows. Of two clouds it lies on their
    geodesic. Computed in float64.

    Args:
        weights: λ, one for each cloud, non-negative; scaled to sum to 1.

    Raises:
        ValueError: fewer than two clouds, clouds of different width, weights of another number, negative or all zero.
    """
    import ot

    if len(clouds) < 2:
        raise ValueError(f"a barycenter needs at least 2 clouds, got {len(clouds)}")
    for cloud in clouds[1:]:
        require_same_width(clouds[0], cloud)
    shares = torch.as_tensor(weights, dtype=torch.float64)
    if shares.shape != (len(clouds),) or (shares < 0).any() or not shares.sum() > 0:
        raise ValueError(f"weights: wanted {len(clouds)} non-negative numbers with a positive sum, got {list(weights)}")
    shares = shares / shares.sum()
    heaviest = clouds[int(shares.argmax())]
    if shares.max() == 1:
        return heaviest
    rows = ot.lp.free_support_barycenter(
        [cloud.rows.detach().double().cpu().numpy() for cloud in clouds],
        [probabilities(cloud) for cloud in clouds],
        heaviest.rows.detach().double().cpu().numpy(),
        weights=shares.numpy(),
        numItermax=iterations,
        stopThr=1e-12,
    )
    return PointCloud(torch.from_numpy(rows).to(heaviest.rows))
