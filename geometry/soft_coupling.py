"""Soft couplings: plans that split rows, and plans that leave mass behind, for squared costs. All solved by POT.

Numbers that say how soft are shares of the problem's own scale, so that one default serves every model.
"""

import numpy as np
import torch
from jaxtyping import Float

from whichway.geometry.cloud import PointCloud
from whichway.geometry.coupling import Coupling, coupling_of, optimal_coupling, probabilities
from whichway.geometry.ground import EUCLIDEAN, GroundMetric, ground_costs

NEGLIGIBLE = 1e-4  # of a row's mass: atoms below are dropped
PIVOTS = 1_000_000  # of the network simplex
SCALINGS = 200  # of rows and columns, to marginals that they nearly have
ROUNDING = 1e-12  # of all mass
MOST_ATOMS = 8192  # of an entropic plan: each is a row that attention sees in every frame


def entropic_coupling(
    a: PointCloud, b: PointCloud, *, regularisation: float = 0.05, ground: GroundMetric = EUCLIDEAN
) -> Coupling:
    """argmin_π Σ π_ij c(x_i, y_j)² + ε KL(π | a⊗b): each row splits over several. (Cuturi 2013)

    Atoms that are negligible to their rows are dropped, and the others scaled so that the marginals are the weights
    again, not nearly (what scaling cannot mend, optimal transport carries; Altschuler, Weed, Rigollet 2017).

    Args:
        regularisation: ε as a share of the mean squared cost. To 0: the optimal coupling; to ∞: every row to all.

    Raises:
        ValueError: clouds of different width, or a regularisation that is not positive.
        RuntimeError: Sinkhorn's iteration did not converge; a plan of more atoms than a frame can hold. Atoms beyond
            a limit cannot be dropped instead: they are not negligible, and another plan would be another method.
    """
    plan = without_negligible(sinkhorn_plan(a, b, epsilon_of(a, b, regularisation, ground), ground))
    atoms = int((plan > 0).sum())
    if atoms > MOST_ATOMS:
        raise RuntimeError(
            f"the entropic plan of {len(a)} and {len(b)} rows has {atoms} atoms, each a row of every frame; at most "
            f"{MOST_ATOMS} can be rendered: regularise less, or choose another coupling"
        )
    return coupling_of(_with_marginals(plan, a, b, ground), a)


def partial_coupling(
    a: PointCloud, b: PointCloud, *, carried: float = 0.5, ground: GroundMetric = EUCLIDEAN
) -> Coupling:
    """The cheapest plan for c² that carries a share of the mass and leaves the rest. (Chapel et al. 2020)

    Args:
        carried: share of the mass that travels, in (0, 1].

    Raises:
        ValueError: clouds of different width, or a share outside (0, 1].
        RuntimeError: the solver did not reach the optimum.
    """
    import ot

    if not 0 < carried <= 1:
        raise ValueError(f"carried: wanted a share in (0, 1], got {carried}")
    if carried == 1:
        return optimal_coupling(a, b, ground=ground)
    costs = ground_costs(a, b, ground).square().numpy()
    masses = probabilities(a), probabilities(b)
    share = min(carried, *(mass.sum() for mass in masses))  # which may be the last digit below 1
    try:
        plan = ot.partial.partial_wasserstein(*masses, costs, m=share, numItermax=PIVOTS)
    except ValueError as error:  # raised where the log of the network simplex has a warning, and only there
        raise RuntimeError(f"partial transport stopped before the optimum: {error}") from error
    return coupling_of(np.where(plan > NEGLIGIBLE * plan.max(), plan, 0), a)


def halved_coupling(a: PointCloud, b: PointCloud, *, ground: GroundMetric = EUCLIDEAN) -> Coupling:
    """The optimal coupling with half of the mass of each of its matches: every row leaves half of itself behind.

    With the partial path, half of every row travels along the geodesic of W_2 and half fades: for mass as for time
    halfway between the displacement and the mixture path. Not :func:`partial_coupling`, which takes the cheapest rows
    whole and leaves the others.

    Raises:
        ValueError: clouds of different width.
        RuntimeError: the solver did not reach the optimum.
    """
    optimal = optimal_coupling(a, b, ground=ground)
    return Coupling(optimal.sources, optimal.targets, optimal.mass / 2)


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


def without_negligible(plan: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n m"]:
    """Without atoms that are nothing to their row and their column, or to an average row; the total stays."""
    small = (plan < NEGLIGIBLE * plan.sum(axis=1, keepdims=True)) & (plan < NEGLIGIBLE * plan.sum(axis=0))
    kept = np.where(small | (plan < NEGLIGIBLE**2 / max(plan.shape)), 0, plan)
    return kept * (plan.sum() / kept.sum()) if kept.any() else kept


def _with_marginals(
    plan: Float[np.ndarray, "n m"], a: PointCloud, b: PointCloud, ground: GroundMetric
) -> Float[np.ndarray, "n m"]:
    """The plan, its rows and columns scaled to its marginals, and an optimal one for what that leaves missing."""
    masses = probabilities(a), probabilities(b)
    for _ in range(SCALINGS):
        for axis, mass in ((1, masses[0]), (0, masses[1])):
            seen = plan.sum(axis=axis)
            plan = plan * np.expand_dims(mass / np.where(seen > 0, seen, 1), axis)
        missing = np.maximum(masses[0] - plan.sum(axis=1), 0)
        if missing.sum() < ROUNDING:
            return plan
    plan = plan / np.maximum(plan.sum(axis=1) / np.where(masses[0] > 0, masses[0], 1), 1)[:, None]
    left = [np.maximum(mass - plan.sum(axis=axis), 0) for axis, mass in ((1, masses[0]), (0, masses[1]))]
    left_a, left_b = (PointCloud(c.rows.double(), torch.from_numpy(m)) for c, m in zip((a, b), left, strict=True))
    rest = optimal_coupling(left_a, left_b, ground=ground).plan(len(a), len(b)).numpy()
    filled: np.ndarray = plan + left[0].sum() * rest
    return filled
