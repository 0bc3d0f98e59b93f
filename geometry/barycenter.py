"""Barycenters: one cloud between several, for any weights of them."""

from collections.abc import Sequence

import numpy as np
import torch

from whichway.geometry.cloud import PointCloud
from whichway.geometry.coupling import probabilities
from whichway.geometry.distance import wasserstein
from whichway.geometry.ground import require_same_width

STILL = 1e-6  # movement of all rows together, relative to their size where that is above 1


def barycenter(clouds: Sequence[PointCloud], weights: Sequence[float], *, iterations: int = 100) -> PointCloud:
    """A cloud X that makes Σ_k λ_k W_2²(X, A_k) small: a free-support W_2 barycenter. (Cuturi, Doucet 2014)

    Each round moves every row to the mean of where the optimal couplings send it, which never raises the sum; it ends
    at a fixed point, and another start may lead to a lower one. So it is started from the rows of every cloud that has
    weight, and the end of least Σ_k λ_k W_2² is kept: as many rows, of the same weights, as the cloud that it started
    from.
    The clouds are taken in an order of their own, so that theirs does not matter. Of two uniform clouds of as many rows
    it lies on their geodesic; with all the weight on one cloud it is that cloud. Computed in float64.

    Args:
        weights: λ, one for each cloud, non-negative; scaled to sum to 1.
        iterations: rounds at most.

    Raises:
        ValueError: fewer than two clouds, clouds of different width, weights of another number, negative or all zero.
        RuntimeError: from every start, rows were still moving after the last round.
    """
    if len(clouds) < 2:
        raise ValueError(f"a barycenter needs at least 2 clouds, got {len(clouds)}")
    for cloud in clouds[1:]:
        require_same_width(clouds[0], cloud)
    shares = torch.as_tensor(weights, dtype=torch.float64)
    if shares.shape != (len(clouds),) or (shares < 0).any() or not shares.sum() > 0:
        raise ValueError(f"weights: wanted {len(clouds)} non-negative numbers with a positive sum, got {list(weights)}")
    shares = shares / shares.sum()
    weighted = sorted(
        ((share, cloud) for share, cloud in zip(shares.tolist(), clouds, strict=True) if share > 0), key=_by_content
    )
    if len(weighted) == 1:
        return weighted[0][1]
    ends, errors = [], []
    for _, start in weighted:
        try:
            ends.append(_fixed_point(weighted, start, iterations))
        except RuntimeError as error:
            errors.append(error)
    if not ends:
        raise errors[0]
    return min(ends, key=lambda end: sum(share * wasserstein(end, cloud) ** 2 for share, cloud in weighted))


def _by_content(weighted: tuple[float, PointCloud]) -> tuple[float, bytes]:
    share, cloud = weighted
    rows: np.ndarray = cloud.rows.detach().double().cpu().numpy()
    return -share, rows.tobytes() + probabilities(cloud).tobytes()


def _fixed_point(weighted: Sequence[tuple[float, PointCloud]], start: PointCloud, iterations: int) -> PointCloud:
    """Raises a RuntimeError where rows still move after so many rounds."""
    import ot

    rows, log = ot.lp.free_support_barycenter(
        [cloud.rows.detach().double().cpu().numpy() for _, cloud in weighted],
        [probabilities(cloud) for _, cloud in weighted],
        start.rows.detach().double().cpu().numpy(),
        probabilities(start),
        weights=np.array([share for share, _ in weighted]),
        numItermax=iterations,
        stopThr=STILL**2,
        log=True,
    )
    step = float(log["displacement_square_norms"][-1]) ** 0.5
    if not step <= max(STILL, STILL * float(np.linalg.norm(rows))):  # nor NaN
        raise RuntimeError(f"the barycenter's rows still moved by {step:.1e} after {iterations} rounds")
    moved = torch.from_numpy(rows).to(start.rows)
    return PointCloud(moved) if start.is_uniform else PointCloud(moved, start.weights)
