"""One measure written in other ways: what must not change an image if a conditioning is a point of P(R^d).

A rewriting lists, for every new row, the old row it copies and its weight. The cloud Σ w_i δ_{x_i} stays the same
probability measure; its matrix does not.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from whichway.analysis.finite import require_finite_numbers


@dataclass(frozen=True)
class Rewriting:
    """New rows by the old rows (m,) that they copy, and their weights (m,), 1 for a row that is simply there."""

    copies: Int[Tensor, " m"]
    weights: Float[Tensor, " m"]

    @property
    def weighted(self) -> bool:
        return bool((self.weights != 1).any())

    def __call__(self, rows: Float[Tensor, "b n d"]) -> Float[Tensor, "b m d"]:
        return rows[:, self.copies.to(rows.device)]


def permutation(n: int, generator: torch.Generator) -> Rewriting:
    """The same rows in another order."""
    return Rewriting(torch.randperm(n, generator=generator), torch.ones(n, dtype=torch.float64))


def duplication(n: int, generator: torch.Generator) -> Rewriting:
    """Every row twice."""
    return Rewriting(torch.arange(n).repeat(2), torch.ones(2 * n, dtype=torch.float64))


def splitting(n: int, generator: torch.Generator) -> Rewriting:
    """Row i replaced by one or more copies with uneven weights that sum to 1; 2n copies in all."""
    extra = torch.randint(n, (n,), generator=generator)
    copies = torch.cat([torch.arange(n), extra]).sort().values
    shares = 0.05 + torch.rand(2 * n, generator=generator, dtype=torch.float64)
    totals = torch.zeros(n, dtype=torch.float64).index_add_(0, copies, shares)
    return Rewriting(copies, shares / totals[copies])


def scaling(n: int, generator: torch.Generator) -> Rewriting:
    """The same rows, each with seven times the mass."""
    return Rewriting(torch.arange(n), torch.full((n,), 7.0, dtype=torch.float64))


#: property → how it rewrites n rows. Permutation is invariance of the matrix; all four together, of the measure
REWRITINGS = {
    "permutation": permutation,
    "duplication": duplication,
    "splitting": splitting,
    "scaling": scaling,
}


def relative_error(changed: Tensor, plain: Tensor) -> float:
    """‖changed − plain‖ / ‖plain‖ over all entries, computed in float64.

    Raises:
        UserError: NaN or infinity among them, as where a dtype's range was left.
    """
    for output in (changed, plain):
        require_finite_numbers(output, "invariance: outputs of the level that was checked")
    plain = plain.double()
    return float((changed.double() - plain).norm() / plain.norm())
