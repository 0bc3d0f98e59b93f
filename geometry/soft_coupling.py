"""Soft couplings: plans that split rows, and plans that leave mass behind. All solved by POT.

Numbers that say how soft are shares of the problem's own scale, so that one default serves every model.
"""

import numpy as np
from jaxtyping import Float

from whichway.geometry.cloud import PointCloud
from whichway.geometry.coupling import Coupling, coupling_of, probabilities
from whichway.geometry.ground import EUCLIDEAN, GroundMetric, ground_costs

NEGLIGIBLE = 1e-4  # of a row's mass: atoms below are dropped, their mass goes to the row's other atoms


def entropic_coupling(
    a: PointCloud, b: PointCloud, *, regularisation: float = 0.05, ground: GroundMetric = EUCLIDEAN
) -> Coupling:
    """argmin_π Σ π_ij c(x_i, y_j)² + ε KL(π | a⊗b): each row splits over several. (Cuturi 2013)

    Args:
        regularisation: ε as a share of the mean squared cost. To 0: the optimal coupling; to ∞: every row to all.

    Raises:
        ValueError: clouds of different width, or a regularisation that is not positive.
        RuntimeError: Sinkhorn's iteration did not converge.
    """
    plan = sinkhorn_plan(a, b, epsilon_of(a, b, regularisation, ground), ground)
    return coupling_of(_without_negligible(plan), a)


def partial_coupling(
    a: PointCloud, b: PointCloud, *, carried: float = 0.5, ground: GroundMetric = EUCLIDEAN
) -> Coupling:
    """The cheapest plan for c² that carries a share of the mass and leaves the rest. (Chapel et al. 2020)

    Args:
        carried: share of the mass that travels, in (0, 1].

    Raises:
        ValueError: clouds of different width, or a share outside (0, 1].
    """
    import ot

    if not 0 < carried <= 1:
        raise ValueError(f"carried: wanted a share in (0, 1], got {carried}")
    costs = ground_costs(a, b, ground).square().numpy()
    plan = ot.partial.partial_wasserstein(probabilities(a), probabilities(b), costs, m=carried)
    return coupling_of(np.where(plan > NEGLIGIBLE * plan.max(), plan, 0), a)


def unbalanced_coupling(
    a: PointCloud, b: PointCloud, *, reach: float = 1.0, ground: GroundMetric = EUCLIDEAN
) -> Coupling:
    """argmin_π Σ π_ij ℓ(x_i, y_j) + KL(π_1 | a) + KL(π_2 | b), ℓ = −2 log cos(min(c/κ, π/2)).

    The plan of the Hellinger–Kantorovich (Wasserstein–Fisher–Rao) distance: rows nearer than κ·π/2 move, the others
    fade. (Liero, Mielke, Savaré 2018; Chizat et al. 2018)

    Args:
        reach: κ as a multiple of the root mean squared cost between A and B: large moves all, small fades all.

    Raises:
        ValueError: clouds of different width, or a reach that is not positive.
    """
    import ot

    angles = cone_angles(a, b, reach, ground)
    costs = -2 * np.log(np.maximum(np.cos(np.minimum(angles, np.pi / 2)), 1e-30))
    masses = probabilities(a), probabilities(b)
    balanced = ot.emd(*masses, angles**2)  # the limit of a long reach, where L-BFGS would stop early from elsewhere
    plan = ot.unbalanced.lbfgsb_unbalanced(
        *masses, costs, reg=0, reg_m=1.0, regm_div="kl", G0=balanced, numItermax=5_000
    )
    return coupling_of(_without_negligible(plan), a)


def cone_angles(a: PointCloud, b: PointCloud, reach: float, ground: GroundMetric) -> Float[np.ndarray, "n m"]:
    """c(x_i, y_j) / κ: distances as angles of the cone in which mass is the squared radius."""
    if not reach > 0:
        raise ValueError(f"reach: wanted a positive number, got {reach}")
    costs = ground_costs(a, b, ground).numpy()
    return costs / (reach * float(np.sqrt(np.square(costs).mean())) or reach)


def epsilon_of(a: PointCloud, b: PointCloud, regularisation: float, ground: GroundMetric) -> float:
    """ε in units of squared cost, from a share of the mean squared cost."""
    if not regularisation > 0:
        raise ValueError(f"regularisation: wanted a positive number, got {regularisation}")
    return regularisation * float(ground_costs(a, b, ground).square().mean()) or regularisation


def sinkhorn_plan(a: PointCloud, b: PointCloud, epsilon: float, ground: GroundMetric) -> Float[np.ndarray, "n m"]:
    """The entropic plan for c², by Sinkhorn's iteration in the logarithmic domain.

    Raises:
        RuntimeError: it did not converge.
    """
    import ot

    costs = ground_costs(a, b, ground).square().numpy()
    plan, log = ot.sinkhorn(
        probabilities(a),
        probabilities(b),
        costs,
        epsilon,
        method="sinkhorn_log",
        numItermax=20_000,
        stopThr=1e-10,
        warn=False,
        log=True,
    )
    if not log["err"][-1] < 1e-5:
        raise RuntimeError(f"Sinkhorn did not converge (marginal error {log['err'][-1]:.1e}); regularise more")
    return plan


def _without_negligible(plan: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n m"]:
    """Without atoms that are nothing to their row and their column, or to an average row; the total stays."""
    small = (plan < NEGLIGIBLE * plan.sum(axis=1, keepdims=True)) & (plan < NEGLIGIBLE * plan.sum(axis=0))
    kept = np.where(small | (plan < NEGLIGIBLE**2 / max(plan.shape)), 0, plan)
    return kept * (plan.sum() / kept.sum()) if kept.any() else kept
