"""One measure written in other ways: as measures they are equal, as matrices they are not."""

import pytest
import torch

from whichway.analysis.invariance.rewriting import REWRITINGS, relative_error


def mass_by_row(rewriting, n):
    """Σ of the weights of each old row's copies, as shares of the total."""
    mass = torch.zeros(n, dtype=torch.float64).index_add_(0, rewriting.copies, rewriting.weights)
    return mass / mass.sum()


@pytest.mark.parametrize("name", REWRITINGS)
def test_the_probability_measure_stays(name):
    rewriting = REWRITINGS[name](9, torch.Generator().manual_seed(3))
    torch.testing.assert_close(mass_by_row(rewriting, 9), torch.full((9,), 1 / 9, dtype=torch.float64))
    assert (rewriting.weights > 0).all()


@pytest.mark.parametrize("name", REWRITINGS)
def test_what_is_written_is_not_what_it_was(name):
    rewriting = REWRITINGS[name](9, torch.Generator().manual_seed(3))
    rows = torch.randn(1, 9, 2, generator=torch.Generator().manual_seed(0))
    assert rewriting(rows).shape != rows.shape or not torch.equal(rewriting(rows), rows) or rewriting.weighted


def test_splitting_is_uneven():
    weights = REWRITINGS["splitting"](9, torch.Generator().manual_seed(3)).weights
    assert len(set(weights.tolist())) > 5


def test_relative_error_is_a_share():
    assert relative_error(torch.tensor([1.0, 1.1]), torch.tensor([1.0, 1.0])) == pytest.approx(0.1 / 2**0.5)
