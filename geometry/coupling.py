"""Couplings: which row of A travels to which row of B.

A coupling is kept as its atoms, so that a permutation and a plan that splits rows are one type: atom k carries
``mass[k]`` from row ``sources[k]`` of A to row ``targets[k]`` of B.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from whichway.geometry.cloud import PointCloud
from whichway.geometry.ground import EUCLIDEAN, GroundMetric, ground_costs, require_same_shape


@dataclass(frozen=True, eq=False)
class Coupling:
    """A transport plan π in sparse form.

    Attributes:
        sources: (k,) row of A, for each atom.
        targets: (k,) row of B, for each atom.
        mass: (k,) positive; sums to 1, or to less where the coupling leaves mass behind (partial, unbalanced).
    """

    sources: Int[Tensor, " k"]
    targets: Int[Tensor, " k"]
    mass: Float[Tensor, " k"]

    def plan(self, n: int, m: int) -> Float[Tensor, "n m"]:
        """The dense plan π, (n, m)."""
        dense = self.mass.new_zeros(n, m)
        return dense.index_put((self.sources, self.targets), self.mass, accumulate=True)

    @property
    def share_moved(self) -> float:
        """Share of the mass carried that does not stay at its own index: 0 for the identity coupling."""
        carried = self.mass.sum()
        return float(self.mass[self.sources != self.targets].sum() / carried) if carried > 0 else 0.0


def identity_coupling(a: PointCloud, b: PointCloud) -> Coupling:
    """Row i to row i: plain linear interpolation of matrices, everyone's default.

    Raises:
        ValueError: clouds of different shape or weights (the identity is a coupling only between equal weights).
    """
    require_same_shape(a, b)
    if not torch.allclose(a.weights, b.weights.to(a.weights.dtype), rtol=1e-6):
        raise ValueError("the identity coupling needs clouds of equal weights; got different ones")
    rows = torch.arange(len(a))
    return Coupling(rows, rows, a.weights)


def random_coupling(a: PointCloud, b: PointCloud, *, seed: int = 0) -> Coupling:
    """A uniformly random permutation, the paper's control; the same for the same ``seed`` and n on every machine.

    Raises:
        ValueError: clouds of different shape, or of weights that are not uniform.
    """
    require_same_shape(a, b)
    if not (a.is_uniform and b.is_uniform):
        raise ValueError("a random permutation couples clouds of uniform weights; got other weights")
    order = np.random.default_rng(seed).permutation(len(b))
    return Coupling(torch.arange(len(a)), torch.from_numpy(order), a.weights)


def optimal_coupling(a: PointCloud, b: PointCloud, *, p: float = 2, ground: GroundMetric = EUCLIDEAN) -> Coupling:
    """argmin_π Σ_ij π_ij c(x_i, y_j)^p, exactly, in float64.

    For clouds of equal size and uniform weights the optimum is a permutation (Birkhoff): SciPy's linear assignment.
    Otherwise POT's network simplex.

    Raises:
        ValueError: clouds of different width, or p < 1.
        RuntimeError: the solver did not reach the optimum.
    """
    if not p >= 1:
        raise ValueError(f"p: wanted at least 1, got {p}")
    costs = ground_costs(a, b, ground).numpy() ** p
    if len(a) == len(b) and a.is_uniform and b.is_uniform:
        sources, targets = linear_sum_assignment(costs)
        return Coupling(torch.from_numpy(sources), torch.from_numpy(targets), a.weights)
    import ot  # takes a second, and most couplings are assignments

    plan, log = ot.emd(probabilities(a), probabilities(b), costs, numItermax=1_000_000, log=True)
    if log["warning"]:
        raise RuntimeError(f"the network simplex stopped before the optimum: {log['warning']}")
    return coupling_of(plan, a)


def coupling_of(plan: Float[np.ndarray, "n m"], a: PointCloud) -> Coupling:
    """A dense plan as atoms, in the precision of ``a``."""
    sources, targets = np.nonzero(plan)
    mass = torch.from_numpy(plan[sources, targets]).to(a.rows)
    return Coupling(torch.from_numpy(sources), torch.from_numpy(targets), mass)


def probabilities(cloud: PointCloud) -> Float[np.ndarray, " n"]:
    """The weights as a solver wants them: float64, summing to 1 exactly as far as float64 can."""
    weights = cloud.weights.detach().to("cpu", torch.float64).numpy()
    return weights / weights.sum()
