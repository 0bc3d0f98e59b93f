"""Couplings that know more than where rows are: in which order they came, or how they lie to each other.

Not functions of the two measures alone, as optimal transport is: a conditioning keeps the order of its prompt's words,
and these couplings use it where a renderer does not.
"""

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from whichway.geometry.cloud import PointCloud
from whichway.geometry.coupling import Coupling, coupling_of, optimal_coupling, probabilities
from whichway.geometry.ground import EUCLIDEAN, GroundMetric, ground_costs

STRUCTURES = ("places", "distances")
ITERATIONS = 1_000  # of the conditional gradient
NOTHING = 1e-10  # of all mass: what a conditional gradient leaves behind where it came through


def ordered_coupling(
    a: PointCloud, b: PointCloud, *, weight: float = 1.0, ground: GroundMetric = EUCLIDEAN
) -> Coupling:
    """argmin_π Σ π_ij (c(x_i, y_j)² + w s² (i/n − j/m)²), s² the mean of c²: rows pay for leaving their place.

    Optimal transport of rows that have their place in the prompt as one more coordinate. With w → 0 the optimal
    coupling, with w → ∞, for clouds of equal weights, the identity.

    Args:
        weight: w.

    Raises:
        ValueError: clouds of different width, or a weight that is negative.
        RuntimeError: the solver did not reach the optimum.
    """
    if not weight >= 0:
        raise ValueError(f"weight: wanted a number of at least 0, got {weight}")
    costs = ground_costs(a, b, ground)
    scale = (weight * float(costs.square().mean())) ** 0.5
    placed = (
        PointCloud(
            torch.cat([ground.features(cloud.rows.detach().double().cpu()), scale * _places(cloud)], dim=1),
            cloud.weights,
        )
        for cloud in (a, b)
    )
    coupling = optimal_coupling(*placed)
    return Coupling(coupling.sources, coupling.targets, coupling.mass.to(a.weights))


def fused_gromov_coupling(
    a: PointCloud,
    b: PointCloud,
    *,
    structure: str = "places",
    alpha: float = 0.5,
    ground: GroundMetric = EUCLIDEAN,
) -> Coupling:
    """A local minimum of (1−α) Σ π_ij c(x_i, y_j)² / s² + α Σ π_ij π_kl (D_ik − E_jl)² / r², from the optimal one on.

    The fused Gromov–Wasserstein coupling: rows go to near rows, and rows that belong together stay together. D and E
    say how the rows of each cloud lie to each other, s² and r² are the means of both costs over all matches. Not
    convex: no solver promises the global minimum; POT's conditional gradient never ends above where it began. Where
    clouds have equally many rows of equal weight and the permutation nearest to the plan costs no more, it is taken.
    (Vayer, Chapel, Flamary, Tavenard, Courty 2019, "Optimal transport for structured data"; Mémoli 2011)

    Args:
        structure: "places": how far apart rows stand in the prompt, so that a phrase may move as one; "distances": the
            ground metric within each cloud, so that the coupling does not see rotations.
        alpha: from 0 (optimal transport) to 1 (Gromov–Wasserstein, which does not compare rows of A with rows of B).

    Raises:
        ValueError: clouds of different width, an unknown structure, or α outside [0, 1].
    """
    import ot

    if structure not in STRUCTURES:
        raise ValueError(f"structure: unknown {structure!r}; known: {', '.join(STRUCTURES)}")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha: wanted a number from 0 to 1, got {alpha}")
    costs = FusedCosts.between(a, b, structure, alpha, ground)
    start = optimal_coupling(a, b, ground=ground).plan(len(a), len(b)).double().numpy()
    plan = ot.gromov.fused_gromov_wasserstein(
        costs.rows,
        costs.within_a,
        costs.within_b,
        probabilities(a),
        probabilities(b),
        alpha=alpha,
        G0=start / start.sum(),
        symmetric=True,
        max_iter=ITERATIONS,
    )
    plan = min((np.where(plan > NOTHING, plan, 0), *_nearest_permutation(plan, a, b)), key=costs.of)
    return coupling_of(plan / plan.sum(), a)


class FusedCosts:
    """What :func:`fused_gromov_coupling` minimises, as a function of the plan.

    Attributes:
        rows: (n, m), c² / s².
        within_a, within_b: (n, n) and (m, m), D / r and E / r.
    """

    def __init__(self, rows: np.ndarray, within_a: np.ndarray, within_b: np.ndarray, alpha: float) -> None:
        self.rows, self.within_a, self.within_b, self.alpha = rows, within_a, within_b, alpha

    @classmethod
    def between(cls, a: PointCloud, b: PointCloud, structure: str, alpha: float, ground: GroundMetric) -> "FusedCosts":
        rows = ground_costs(a, b, ground).square().numpy()
        within_a, within_b = (_structure(cloud, structure, ground) for cloud in (a, b))
        independent = cls(rows, within_a, within_b, 1.0).of(np.outer(probabilities(a), probabilities(b)))
        scale = np.sqrt(independent) if independent > 0 else 1.0
        return cls(rows / (rows.mean() or 1.0), within_a / scale, within_b / scale, alpha)

    def of(self, plan: Float[np.ndarray, "n m"]) -> float:
        p, q = plan.sum(axis=1), plan.sum(axis=0)
        square = p @ self.within_a**2 @ p + q @ self.within_b**2 @ q
        cross = np.sum((self.within_a @ plan @ self.within_b) * plan)
        return float((1 - self.alpha) * np.sum(self.rows * plan) + self.alpha * (square - 2 * cross))


def _structure(cloud: PointCloud, structure: str, ground: GroundMetric) -> Float[np.ndarray, "n n"]:
    if structure == "distances":
        return ground_costs(cloud, cloud, ground).numpy()
    places = _places(cloud)[:, 0]
    return (places[:, None] - places).abs().numpy()


def _places(cloud: PointCloud) -> Float[torch.Tensor, "n 1"]:
    """Where each row stands in its prompt, from 0 to below 1."""
    return torch.arange(len(cloud), dtype=torch.float64)[:, None] / len(cloud)


def _nearest_permutation(plan: np.ndarray, a: PointCloud, b: PointCloud) -> list[np.ndarray]:
    if len(a) != len(b) or not (a.is_uniform and b.is_uniform):
        return []
    nearest = np.zeros_like(plan)
    nearest[linear_sum_assignment(-plan)] = 1 / len(a)
    return [nearest]
