"""Unbalanced transport, in which rows move and fade: the Hellinger–Kantorovich distance, its plan and its geodesic.

Mass is the squared radius of a cone over R^d, and the distance c(x, y) becomes the angle c(x, y)/κ; rows at π/2 or more
are never matched. (Liero, Mielke, Savaré 2018, "Optimal entropy-transport problems"; Chizat et al. 2018)
"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.sparse import csc_array, diags_array
from scipy.special import xlogy
from torch import Tensor

from whichway.geometry.cloud import PointCloud
from whichway.geometry.coupling import Coupling, coupling_of, marginals, probabilities
from whichway.geometry.ground import EUCLIDEAN, GroundMetric, ground_costs, require_same_width
from whichway.geometry.path import SPHERICAL_HK, check_time, cloud_of
from whichway.geometry.soft_coupling import without_negligible

NEWTON_STEPS = 12  # at most; a prompt's clouds take three
DUALITY_GAP = 1e-9  # largest that passes for converged, where the squared distance goes from 0 to 2
AIMED_AT = 1e-12  # of the gap, where rounding allows it
PRECISION = 1e-11  # of each step's quadratic program


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
    """The optimal plan between the rows that have mass, by Newton's method; optimal as its duality gap shows.

    Raises:
        ValueError: clouds of different width, a κ that is not positive, or ``matchable`` of another shape.
        RuntimeError: the gap stayed above :data:`DUALITY_GAP`.
    """
    angles, masses = cone_angles(a, b, kappa, ground), (probabilities(a), probabilities(b))
    costs = _cone_costs(angles)
    if matchable is not None:
        if matchable.shape != angles.shape:
            raise ValueError(f"matchable: wanted shape {angles.shape}, got {tuple(matchable.shape)}")
        costs[~matchable.numpy()] = np.inf
    there = np.ix_(masses[0] > 0, masses[1] > 0)
    solved = _solve(costs[there], masses[0][masses[0] > 0], masses[1][masses[1] > 0])
    plan = np.zeros((len(a), len(b)))
    plan[there] = solved.plan
    return UnbalancedPlan(plan, max(solved.cost, 0.0), solved.duality_gap)


def _solve(costs: np.ndarray, a: np.ndarray, b: np.ndarray) -> UnbalancedPlan:
    """Newton's method on the dual, max Σ a_i (1 − e^−φ_i) + Σ b_j (1 − e^−ψ_j) with φ_i + ψ_j ≤ ℓ_ij.

    The objective is smooth and separable and the constraints are linear, so each step is a quadratic program with a
    diagonal matrix; π are its multipliers. Rows that nothing is near enough to take no part.
    """
    sources, targets = np.nonzero(np.isfinite(costs))
    plan, phi = np.zeros(costs.shape), np.full(len(a), np.inf)
    if not len(sources):
        return UnbalancedPlan(plan, _primal(plan, costs, a, b), 0.0)
    rows, columns = np.unique(sources), np.unique(targets)
    scale = len(a)  # to masses of about 1, which the solver's tolerances are made for
    mass = scale * np.concatenate([a[rows], b[columns]])
    places = np.tile(np.arange(len(sources)), 2)
    potential_at = np.concatenate([np.searchsorted(rows, sources), len(rows) + np.searchsorted(columns, targets)])
    sums = csc_array((np.ones(len(places)), (places, potential_at)), shape=(len(sources), len(mass)))
    potentials = _first_potentials(costs[np.ix_(rows, columns)])
    for _ in range(NEWTON_STEPS):
        aim, multipliers = _newton_aim(potentials, mass, sums, costs[sources, targets])
        potentials = _towards(aim, potentials, mass)
        plan[sources, targets] = multipliers / scale
        phi[rows] = potentials[: len(rows)]
        cost = _primal(plan, costs, a, b)
        gap = cost - _dual(phi, costs, a, b)
        if gap < AIMED_AT:
            break
    if not gap <= DUALITY_GAP:  # nor NaN, where the solver gave up
        raise RuntimeError(f"unbalanced transport did not converge (duality gap {gap:.1e})")
    return UnbalancedPlan(plan, cost, gap)


def _first_potentials(costs: np.ndarray) -> np.ndarray:
    """φ and ψ, one after the other, that no single one of them could be raised."""
    psi = costs.min(axis=0) / 2
    phi = (costs - psi).min(axis=1)
    psi = (costs - phi[:, None]).min(axis=0)
    return np.concatenate([phi, psi])


def _newton_aim(potentials: np.ndarray, mass: np.ndarray, sums: csc_array, costs: np.ndarray) -> tuple:
    """Where Σ m e^−p, to second order around the potentials, is least under the constraints; and their multipliers."""
    import clarabel

    curvature = mass * np.exp(-potentials)
    settings = clarabel.DefaultSettings()
    settings.verbose, settings.max_threads = False, 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = PRECISION
    linear = -curvature * (1 + potentials)
    at_most = [clarabel.NonnegativeConeT(len(costs))]
    quadratic = csc_array(diags_array(curvature))
    solution = clarabel.DefaultSolver(quadratic, linear, sums, costs, at_most, settings).solve()
    return np.array(solution.x), np.maximum(solution.z, 0)


def _towards(aim: np.ndarray, potentials: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """All the way, or half of it, a quarter …: until Σ m e^−p has fallen as its slope promises (Armijo's rule)."""
    direction = aim - potentials
    before, slope = (mass * np.exp(-potentials)).sum(), -(mass * np.exp(-potentials) * direction).sum()
    for share in 0.5 ** np.arange(20):
        there = potentials + share * direction
        if (mass * np.exp(-there)).sum() <= before + 1e-4 * share * slope + 1e-13 * before:
            break
    return there


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


def _dual(phi: np.ndarray, costs: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Σ a_i (1 − e^−φ_i) + Σ b_j (1 − e^−ψ_j), ψ and then φ the largest with φ_i + ψ_j ≤ ℓ_ij: a lower bound."""
    psi = (costs - np.where(np.isfinite(phi), phi, 0)[:, None]).min(axis=0)
    phi = np.where(np.isfinite(costs), costs - np.where(np.isfinite(psi), psi, 0), np.inf).min(axis=1)
    return float((a * -np.expm1(-phi)).sum() + (b * -np.expm1(-psi)).sum())
