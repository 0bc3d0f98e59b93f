"""Unbalanced transport, in which rows move and fade: the Hellinger–Kantorovich distance, its plan and its geodesic.

Mass is the squared radius of a cone over R^d, and the distance c(x, y) becomes the angle c(x, y)/κ; rows at π/2 or more
are never matched. (Liero, Mielke, Savaré 2018, "Optimal entropy-transport problems"; Chizat et al. 2018)
"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.special import xlogy
from torch import Tensor

from whichway.geometry.cloud import PointCloud
from whichway.geometry.coupling import Coupling, coupling_of, marginals, probabilities
from whichway.geometry.ground import EUCLIDEAN, GroundMetric, ground_costs, require_same_width
from whichway.geometry.path import SPHERICAL_HK, check_time, cloud_of
from whichway.geometry.soft_coupling import without_negligible

ITERATIONS = 5_000  # of L-BFGS; at n = 77 it takes about 1 000
RESTARTS = 5  # of L-BFGS, whose line search may give up where its model of the curvature has gone wrong
DUALITY_GAP = 1e-6  # largest that passes for converged, where the squared distance goes from 0 to 2
NEVER = 1e3  # cost of a match that must not be, for a solver that needs finite ones


@dataclass(frozen=True, eq=False)
class HellingerKantorovichPath:
    """The geodesic of unbalanced transport: rows move and fade at once, along the plan that the path makes itself.

    An atom that goes from mass m_0 at x to mass m_1 at y, at the angle δ = c(x, y)/κ < π/2, has on the way the mass
    m(t) = (1−t)² m_0 + t² m_1 + 2t(1−t) √(m_0 m_1) cos δ and has gone the share (1/δ) arctan2(t √m_1 sin δ,
    (1−t) √m_0 + t √m_1 cos δ) of its way: a straight line in the cone over R^d. Rows that the plan does not take along
    fade in place, (1−t)² and t².

    The total is 1 − t(1−t) HK²(A, B), below 1 on the way. A model sees the probability measure, so each cloud is
    scaled to mass 1: up to parametrisation this is the geodesic of the *spherical* Hellinger–Kantorovich distance
    (Laschos and Mielke 2019), not of HK itself. Rows move straight and may all be matched: both hold for the Euclidean
    ground metric, and where ``matchable`` rules no match out that would be made.

    Args:
        reach: κ as a multiple of the root mean squared distance between the rows of A and B, as in
            :func:`unbalanced_coupling`.
        matchable: (n, m), which rows may be matched at all, so that the others fade; None: all.

    Attributes:
        kappa: κ in units of the ground metric.
        coupling: the optimal plan for κ, made here, so that no other can be taken by mistake.

    Raises:
        ValueError: clouds of different width, a reach that is not positive, or ``matchable`` of another shape.
        RuntimeError: the solver did not converge.
    """

    start: PointCloud
    end: PointCloud
    reach: float = 1.0
    ground: GroundMetric = EUCLIDEAN
    matchable: Bool[Tensor, "n m"] | None = None
    kappa: float = field(init=False)
    coupling: Coupling = field(init=False)
    length_in: ClassVar[str] = SPHERICAL_HK

    def __post_init__(self) -> None:
        require_same_width(self.start, self.end)
        object.__setattr__(self, "kappa", kappa_of(self.start, self.end, self.reach, self.ground))
        solved = unbalanced_plan(self.start, self.end, self.kappa, self.ground, self.matchable)
        object.__setattr__(self, "coupling", coupling_of(without_negligible(solved.plan), self.start))

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        if t in (0, 1):  # exactly, not up to the rounding of the angles
            return self.end if t else self.start
        sources, targets, mass = self.coupling.sources, self.coupling.targets, self.coupling.mass.double()
        out, into = marginals(self.coupling, self.start, self.end)
        at_start = self.start.weights.double()[sources] * mass / out[sources]
        at_end = self.end.weights.double()[targets] * mass / into[targets]
        angle = self._angles()
        along, across = torch.cos(angle), torch.sin(angle)
        x, y = (1 - t) * at_start.sqrt(), t * at_end.sqrt()
        gone = torch.where(angle > 1e-6, torch.atan2(y * across, x + y * along) / angle, y / (x + y))
        moving = torch.lerp(self.start.rows[sources].double(), self.end.rows[targets].double(), gone[:, None])
        return cloud_of(
            [
                (moving.to(self.start.rows.dtype), (x * x + y * y + 2 * x * y * along).to(self.start.weights)),
                (self.start.rows, (1 - t) ** 2 * self.start.weights * (out == 0)),
                (self.end.rows, t**2 * self.end.weights * (into == 0)),
            ]
        )

    def _angles(self) -> Float[Tensor, " k"]:
        """δ of each atom of the plan."""
        angles = torch.from_numpy(cone_angles(self.start, self.end, self.kappa, self.ground))
        return angles[self.coupling.sources, self.coupling.targets]


def unbalanced_coupling(
    a: PointCloud, b: PointCloud, *, reach: float = 1.0, ground: GroundMetric = EUCLIDEAN
) -> Coupling:
    """argmin_π Σ π_ij ℓ(x_i, y_j) + KL(π_1 | a) + KL(π_2 | b), ℓ = −2 log cos(c/κ), ∞ from c = κπ/2 on.

    The plan of the Hellinger–Kantorovich (Wasserstein–Fisher–Rao) distance: rows nearer than κ·π/2 are matched, the
    others left. Its marginals are not the weights, also where rows are matched.

    Args:
        reach: κ as a multiple of the root mean squared distance between the rows of A and B: large moves all, small
            fades all.

    Raises:
        ValueError: clouds of different width, or a reach that is not positive.
        RuntimeError: the solver did not converge.
    """
    solved = unbalanced_plan(a, b, kappa_of(a, b, reach, ground), ground)
    return coupling_of(without_negligible(solved.plan), a)


def hellinger_kantorovich(a: PointCloud, b: PointCloud, *, kappa: float, ground: GroundMetric = EUCLIDEAN) -> float:
    """√(min_π Σ π_ij ℓ(x_i, y_j) + KL(π_1 | a) + KL(π_2 | b)), ℓ = −2 log cos(min(c/κ, π/2)): unbalanced W_2.

    Not squared; a metric on measures, from 0 to √2 (nothing within reach: Hellinger's distance of disjoint measures).
    For large κ it is W_2 / κ. Its square is right to :data:`DUALITY_GAP`. (Liero, Mielke, Savaré 2018, Theorem 7.20)

    Args:
        kappa: κ in units of the ground metric; rows farther apart than κ·π/2 are not matched at all.

    Raises:
        ValueError: clouds of different width, or a κ that is not positive.
        RuntimeError: the solver did not converge.
    """
    return float(unbalanced_plan(a, b, kappa, ground).cost ** 0.5)


def spherical_hellinger_kantorovich(
    a: PointCloud, b: PointCloud, *, kappa: float, ground: GroundMetric = EUCLIDEAN
) -> float:
    """arccos(1 − HK²(A, B)/2): the angle in the cone over which HK is the chord, from 0 to π/2.

    The length of the shortest path from A to B through measures of mass 1. (Laschos and Mielke 2019)

    Args, Raises: as :func:`hellinger_kantorovich`.
    """
    return float(2 * np.arcsin(hellinger_kantorovich(a, b, kappa=kappa, ground=ground) / 2))


def kappa_of(a: PointCloud, b: PointCloud, reach: float, ground: GroundMetric) -> float:
    """κ in units of the ground metric, from a multiple of the root mean squared distance between rows."""
    if not reach > 0:
        raise ValueError(f"reach: wanted a positive number, got {reach}")
    return reach * (float(ground_costs(a, b, ground).square().mean().sqrt()) or 1.0)


def cone_angles(a: PointCloud, b: PointCloud, kappa: float, ground: GroundMetric) -> Float[np.ndarray, "n m"]:
    """c(x_i, y_j) / κ, (n, m)."""
    if not kappa > 0:
        raise ValueError(f"kappa: wanted a positive number, got {kappa}")
    angles: np.ndarray = ground_costs(a, b, ground).numpy() / kappa
    return angles


@dataclass(frozen=True)
class UnbalancedPlan:
    """An optimal plan of unbalanced transport, and how near the optimum it is.

    Attributes:
        plan: π, (n, m).
        cost: Σ π_ij ℓ_ij + KL(π_1 | a) + KL(π_2 | b), the squared Hellinger–Kantorovich distance.
        duality_gap: by how much the cost may be above the least one; never more than :data:`DUALITY_GAP`.
    """

    plan: Float[np.ndarray, "n m"]
    cost: float
    duality_gap: float


def unbalanced_plan(
    a: PointCloud, b: PointCloud, kappa: float, ground: GroundMetric, matchable: Bool[Tensor, "n m"] | None = None
) -> UnbalancedPlan:
    """The optimal plan by POT's L-BFGS, between the rows that have mass; optimal as its duality gap shows.

    Raises:
        ValueError: clouds of different width, a κ that is not positive, or ``matchable`` of another shape.
        RuntimeError: the gap stayed above :data:`DUALITY_GAP`.
    """
    import ot

    angles, masses = cone_angles(a, b, kappa, ground), (probabilities(a), probabilities(b))
    costs = _cone_costs(angles)
    if matchable is not None:
        if matchable.shape != angles.shape:
            raise ValueError(f"matchable: wanted shape {angles.shape}, got {tuple(matchable.shape)}")
        costs[~matchable.numpy()] = np.inf
    there = np.ix_(masses[0] > 0, masses[1] > 0)
    costs, angles, masses = costs[there], angles[there], (masses[0][masses[0] > 0], masses[1][masses[1] > 0])
    # from the limit of a long reach, where L-BFGS would stop early from elsewhere
    solved = ot.emd(*masses, np.where(np.isfinite(costs), angles**2, NEVER))
    for _ in range(RESTARTS):
        solved, log = ot.unbalanced.lbfgsb_unbalanced(
            *masses,
            np.minimum(costs, NEVER),
            reg=0,
            reg_m=1.0,
            regm_div="kl",
            G0=solved,
            numItermax=ITERATIONS,
            log=True,
        )
        solved = np.where(np.isfinite(costs), solved, 0)
        cost = _primal(solved, costs, *masses)
        gap = cost - _dual(solved, costs, *masses)
        if gap < DUALITY_GAP:
            break
    else:
        raise RuntimeError(f"unbalanced transport did not converge (duality gap {gap:.1e}): {log['res'].message}")
    plan = np.zeros((len(a), len(b)))
    plan[there] = solved
    return UnbalancedPlan(plan, max(cost, 0.0), gap)


def _cone_costs(angles: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n m"]:
    """ℓ = −2 log cos δ, infinite from π/2 on."""
    costs: np.ndarray = np.full(angles.shape, np.inf)
    near = angles < np.pi / 2
    costs[near] = -2 * np.log(np.cos(angles[near]))
    return costs


def _primal(plan: np.ndarray, costs: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Σ π_ij ℓ_ij + KL(π_1 | a) + KL(π_2 | b) with KL(p | q) = Σ p log(p/q) − p + q."""
    total = (plan[plan > 0] * costs[plan > 0]).sum()
    for marginal, mass in ((plan.sum(axis=1), a), (plan.sum(axis=0), b)):
        total += (xlogy(marginal, marginal / mass) - marginal + mass).sum()
    return float(total)


def _dual(plan: np.ndarray, costs: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Σ a_i (1 − e^−φ_i) + Σ b_j (1 − e^−ψ_j) for potentials φ_i + ψ_j ≤ ℓ_ij, near those of ``plan``: a lower bound.

    At the optimum φ = −log(π_1 / a); from there, ψ and then φ are the largest that the costs allow.
    """
    phi = -np.log(np.maximum(plan.sum(axis=1), np.finfo(float).tiny) / a)
    psi = (costs - phi[:, None]).min(axis=0)
    phi = np.where(np.isfinite(costs), costs - np.where(np.isfinite(psi), psi, 0), np.inf).min(axis=1)
    return float((a * -np.expm1(-phi)).sum() + (b * -np.expm1(-psi)).sum())
