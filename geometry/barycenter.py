"""Barycenters: one cloud between several, for any weights of them."""

from collections.abc import Sequence

import numpy as np
import torch

from whichway.geometry.cloud import PointCloud
from whichway.geometry.coupling import probabilities
from whichway.geometry.ground import require_same_width

STILL = 1e-6  # movement of all rows together, relative to their size where that is above 1


def barycenter(clouds: Sequence[PointCloud], weights: Sequence[float], *, iterations: int = 100) -> PointCloud:
    """A cloud X that makes Σ_k λ_k W_2²(X, A_k) small: a free-support W_2 barycenter. (Cuturi, Doucet 2014)

    As many rows as the cloud of the largest weight, uniform weights, starting from its rows. Each round moves every row
    to the mean of where the optimal couplings send it, which never raises the sum; it ends at a fixed point, from which
    another start might have led lower. Of two uniform clouds of as many rows it lies on their geodesic; with
    all the weight on one cloud it is that cloud. Computed in float64.

    Args:
        weights: λ, one for each cloud, non-negative; scaled to sum to 1.
        iterations: rounds at most.

    Raises:
        ValueError: fewer than two clouds, clouds of different width, weights of another number, negative or all zero.
        RuntimeError: rows were still moving after the last round.
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
    rows, log = ot.lp.free_support_barycenter(
        [cloud.rows.detach().double().cpu().numpy() for cloud in clouds],
        [probabilities(cloud) for cloud in clouds],
        heaviest.rows.detach().double().cpu().numpy(),
        weights=shares.numpy(),
        numItermax=iterations,
        stopThr=STILL**2,
        log=True,
    )
    moved = float(log["displacement_square_norms"][-1]) ** 0.5
    if moved > max(STILL, STILL * float(np.linalg.norm(rows))):
        raise RuntimeError(f"the barycenter's rows still moved by {moved:.1e} after {iterations} rounds")
    return PointCloud(torch.from_numpy(rows).to(heaviest.rows))
