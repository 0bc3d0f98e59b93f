"""One measure written in other ways: as measures they are equal, as matrices they are not."""

import pytest
import torch

from whichway.analysis.invariance.rewriting import REWRITINGS, Rewriting, relative_error

N = 9
ROWS = torch.randn(1, N, 2, generator=torch.Generator().manual_seed(0))


def rewritten(name: str) -> Rewriting:
    return REWRITINGS[name](N, torch.Generator().manual_seed(3))


def mass_by_row(rewriting: Rewriting) -> torch.Tensor:
    """Σ of the weights of each old row's copies."""
    return torch.zeros(N, dtype=torch.float64).index_add_(0, rewriting.copies, rewriting.weights)


@pytest.mark.parametrize(("name", "mass"), [("permutation", 1), ("duplication", 2), ("splitting", 1), ("scaling", 7)])
def test_every_row_keeps_its_share_of_the_mass(name, mass):
    rewriting = rewritten(name)
    torch.testing.assert_close(mass_by_row(rewriting), torch.full((N,), float(mass), dtype=torch.float64))
    assert (rewriting.weights > 0).all()


def test_the_four_properties_are_these():
    assert list(REWRITINGS) == ["permutation", "duplication", "splitting", "scaling"]


def test_permutation_moves_rows_and_weighs_none():
    rewriting = rewritten("permutation")
    assert rewriting.copies.tolist() != list(range(N))
    assert not rewriting.weighted
    assert torch.equal(rewriting(ROWS), ROWS[:, rewriting.copies])


def test_duplication_adds_rows_and_weighs_none():
    rewriting = rewritten("duplication")
    assert not rewriting.weighted
    assert torch.equal(rewriting(ROWS), torch.cat([ROWS, ROWS], dim=1))


def test_splitting_is_uneven_and_moves_no_row():
    rewriting = rewritten("splitting")
    assert rewriting.weighted
    assert len(rewriting.copies) == 2 * N
    counts = rewriting.copies.bincount()
    assert counts.min() == 1
    assert counts.max() > 2
    assert len(set(rewriting.weights.tolist())) > 5


def test_scaling_changes_nothing_but_the_mass():
    rewriting = rewritten("scaling")
    assert rewriting.weighted
    assert torch.equal(rewriting(ROWS), ROWS)


def test_relative_error_is_a_share_of_the_plain_output():
    assert relative_error(torch.tensor([1.0, 1.1]), torch.tensor([1.0, 1.0])) == pytest.approx(0.1 / 2**0.5)
    assert relative_error(torch.zeros(3), torch.ones(3)) == 1


def test_relative_error_does_not_overflow_in_half_precision():
    """60000² is infinite in float16."""
    large = torch.full((4,), 60_000.0, dtype=torch.float16)
    assert relative_error(large, large / 2) == pytest.approx(1)
