"""Distances between clouds: as matrices (Frobenius), as measures (Wasserstein), and the bounds that hold between them.

Always: centroid_distance(A, B) ≤ W_2(A, B) ≤ rms_frobenius(A, B).
"""

import torch

from whichway.geometry.cloud import PointCloud
from whichway.geometry.coupling import Coupling, identity_coupling, optimal_coupling, probabilities
from whichway.geometry.ground import EUCLIDEAN, GroundMetric, ground_costs, require_same_shape, require_same_width
from whichway.geometry.soft_coupling import epsilon_of, sinkhorn_plan


def frobenius(a: PointCloud, b: PointCloud) -> float:
    """‖X − Y‖_F of the two matrices of rows. Depends on the order of the rows, which the model does not see.

    Raises:
        ValueError: clouds of different shape.
    """
    require_same_shape(a, b)
    return float(torch.linalg.norm((a.rows - b.rows).double()))


def rms_frobenius(a: PointCloud, b: PointCloud) -> float:
    """The cost of the identity coupling, ‖X − Y‖_F / √n for uniform weights: what compares with W_2.

    Raises:
        ValueError: clouds of different shape or weights.
    """
    return transport_cost(a, b, identity_coupling(a, b), p=2)


def wasserstein(a: PointCloud, b: PointCloud, *, p: float = 2, ground: GroundMetric = EUCLIDEAN) -> float:
    """W_p(A, B) = (min_π Σ_ij π_ij c(x_i, y_j)^p)^(1/p), exact.

    Not squared (unlike POT's ``emd2``), and a metric on measures: permuting the rows of either cloud changes nothing.

    Raises:
        ValueError: clouds of different width, or p < 1.
    """
    return transport_cost(a, b, optimal_coupling(a, b, p=p, ground=ground), p=p, ground=ground)


def transport_cost(
    a: PointCloud, b: PointCloud, coupling: Coupling, *, p: float = 2, ground: GroundMetric = EUCLIDEAN
) -> float:
    """(Σ_k m_k c(x_s(k), y_t(k))^p / Σ_k m_k)^(1/p): what moving along ``coupling`` costs per mass carried, in float64.

    A distance of the clouds only where the coupling carries all the mass.

    Raises:
        ValueError: clouds of different width, p < 1, or a coupling that carries nothing.
    """
    require_same_width(a, b)
    if not p >= 1:
        raise ValueError(f"p: wanted at least 1, got {p}")
    if not len(coupling.mass):
        raise ValueError("a coupling that carries no mass has no cost")
    from_rows, to_rows = a.rows[coupling.sources].double(), b.rows[coupling.targets].double()
    steps = (ground.features(from_rows) - ground.features(to_rows)).norm(dim=1)
    mass = coupling.mass.double() / coupling.mass.double().sum()
    return float((mass * steps**p).sum() ** (1 / p))


def centroid_distance(a: PointCloud, b: PointCloud) -> float:
    """‖mean(A) − mean(B)‖, a lower bound of W_2.

    Raises:
        ValueError: clouds of different width.
    """
    require_same_width(a, b)
    return float(torch.linalg.norm(a.mean().double() - b.mean().double()))


def sliced_wasserstein(a: PointCloud, b: PointCloud, *, projections: int = 200, seed: int = 0) -> float:
    """Sliced W_2: (mean over random directions θ of W_2(θᵀA, θᵀB)²)^(1/2), Monte Carlo over ``projections``.

    Not comparable with W_2 in size: for d dimensions about W_2 / √d. (Bonneel et al. 2015)

    Raises:
        ValueError: clouds of different width.
    """
    import ot

    require_same_width(a, b)
    rows_a, rows_b = (cloud.rows.detach().double().cpu().numpy() for cloud in (a, b))
    return float(
        ot.sliced_wasserstein_distance(
            rows_a, rows_b, probabilities(a), probabilities(b), n_projections=projections, seed=seed
        )
    )


def sinkhorn_divergence(
    a: PointCloud, b: PointCloud, *, regularisation: float = 0.05, ground: GroundMetric = EUCLIDEAN
) -> float:
    """√(S(A,B) − S(A,A)/2 − S(B,B)/2) with S the entropic transport cost for c², squared costs. (Genevay et al. 2018)

    Args:
        regularisation: ε as a share of the mean squared cost between A and B.

    Raises:
        ValueError: clouds of different width, or a regularisation that is not positive.
        RuntimeError: Sinkhorn's iteration did not converge.
    """
    epsilon = epsilon_of(a, b, regularisation, ground)

    def cost(first: PointCloud, second: PointCloud) -> float:
        return _entropic_cost(first, second, epsilon, ground)

    return max(cost(a, b) - cost(a, a) / 2 - cost(b, b) / 2, 0.0) ** 0.5


def _entropic_cost(a: PointCloud, b: PointCloud, epsilon: float, ground: GroundMetric) -> float:
    """min_π ⟨π, c²⟩ + ε KL(π | a⊗b), from the plan."""
    plan = torch.from_numpy(sinkhorn_plan(a, b, epsilon, ground))
    product = torch.outer(torch.from_numpy(probabilities(a)), torch.from_numpy(probabilities(b)))
    divergence = torch.special.xlogy(plan, plan / product).sum()
    return float((plan * ground_costs(a, b, ground).square()).sum() + epsilon * divergence)
