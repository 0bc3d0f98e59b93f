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
        """Share of the mass carried that changes its index: 0 for the identity coupling, and where none is carried."""
        carried = self.mass.sum()
        return float(self.mass[self.sources != self.targets].sum() / carried) if carried > 0 else 0.0


def identity_coupling(a: PointCloud, b: PointCloud) -> Coupling:
    """Row i to row i: plain linear interpolation of matrices, everyone's default.

    Raises:
        ValueError: clouds of different shape or weights (the identity is a coupling only between equal weights).
    """
    require_same_shape(a, b)
    require_equal_weights(a, b, "the identity coupling")
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


def marginals(coupling: Coupling, a: PointCloud, b: PointCloud) -> tuple[Float[Tensor, " n"], Float[Tensor, " m"]]:
    """What the coupling takes from each row of A, (n,), and brings to each row of B, (m,), float64."""
    mass = coupling.mass.double()
    out = mass.new_zeros(len(a)).index_add(0, coupling.sources, mass)
    return out, mass.new_zeros(len(b)).index_add(0, coupling.targets, mass)


def marginal_error(coupling: Coupling) -> float:
    """How far off a row's mass may be, where all rows together have 1, and be called right in the coupling's dtype."""
    return max(1e-6, torch.finfo(coupling.mass.dtype).eps)


def require_marginals(coupling: Coupling, a: PointCloud, b: PointCloud, path: str) -> None:
    """Raise a ValueError unless the coupling carries exactly the weights of A to those of B."""
    carried = float(coupling.mass.double().sum())
    if not abs(carried - 1) <= len(a) * marginal_error(coupling):  # nor NaN
        raise ValueError(f"the {path} path needs a coupling that carries all the mass; this one carries {carried:.3f}")
    pairs = zip(marginals(coupling, a, b), (a, b), strict=True)
    error = max(float((seen - cloud.weights.double()).abs().max()) for seen, cloud in pairs)
    if error > marginal_error(coupling):
        raise ValueError(
            f"the {path} path needs a coupling that takes the whole mass of each row; one row is {error:.1e} off"
        )


def have_equal_weights(a: PointCloud, b: PointCloud) -> bool:
    """Whether there are equally many rows, and row i of A weighs what row i of B does."""
    return len(a) == len(b) and torch.allclose(a.weights.double(), b.weights.double(), rtol=1e-6, atol=0)


def require_equal_weights(a: PointCloud, b: PointCloud, what: str) -> None:
    """Raise a ValueError unless row i of A weighs what row i of B does; the clouds have one shape."""
    if not have_equal_weights(a, b):
        raise ValueError(f"{what} needs clouds of equal weights; got different ones")


def coupling_of(plan: Float[np.ndarray, "n m"], a: PointCloud) -> Coupling:
    """A dense plan as atoms, in the dtype of ``a``."""
    sources, targets = np.nonzero(plan)
    mass = torch.from_numpy(plan[sources, targets]).to(a.rows)
    return Coupling(torch.from_numpy(sources), torch.from_numpy(targets), mass)


def probabilities(cloud: PointCloud) -> Float[np.ndarray, " n"]:
    """The weights as a solver wants them: float64, summing to 1 exactly as far as float64 can."""
    weights = cloud.weights.detach().to("cpu", torch.float64).numpy()
    return weights / weights.sum()
