"""The share of the gap that a method closes."""

import numpy as np
import pandas as pd
import pytest

from whichway.analysis.statistics.gap import shares_of_gap


def results(shares, *, gaps, seeds=2):
    """Identity at 10, the logarithm of the geodesic lower by the gap, that of "optimal" by its share of the gap."""
    rows = []
    for pair, (share, gap) in enumerate(zip(shares, gaps, strict=True)):
        for seed in range(seeds):
            noise = 1 + 0.1 * (seed - (seeds - 1) / 2)
            values = {"identity": 10.0, "optimal": 10 * np.exp(-share * gap), "geodesic": 10 * np.exp(-gap)}
            rows += [
                {"pair": pair, "seed": seed, "method": name, "stratum": pair % 2, "ppl_lpips": value * noise}
                for name, value in values.items()
            ]
    return pd.DataFrame(rows)


def test_equal_shares_are_the_share_whatever_the_gaps():
    everything, even, odd = shares_of_gap(results([0.25] * 8, gaps=np.arange(1, 9) / 10), "ppl_lpips", ["optimal"])
    assert [part.share.value for part in (everything, even, odd)] == pytest.approx([0.25] * 3)
    assert (everything.pairs, even.pairs, odd.pairs) == (8, 4, 4)
    assert (everything.stratum, even.stratum, odd.stratum) == ("all", "0", "1")
    assert everything.gap == pytest.approx(1 - np.exp(-0.45))


def test_a_pair_without_a_gap_does_not_blow_it_up():
    [share, *_] = shares_of_gap(results([0.5] * 9 + [7.0], gaps=[0.2] * 9 + [1e-9]), "ppl_lpips", ["optimal"])
    assert share.share.value == pytest.approx(0.5, abs=1e-6)


def test_one_pair_that_is_far_apart_does_not_outweigh_the_others():
    """In a mean of differences its PPL, a thousand times the others', would be all that counts."""
    table = results([0.9] + [0.2] * 9, gaps=[0.5] * 10)
    table.loc[table["pair"] == 0, "ppl_lpips"] *= 1000
    [share, *_] = shares_of_gap(table, "ppl_lpips", ["optimal"])
    assert share.share.value == pytest.approx(0.27)


def test_few_pairs_have_no_interval():
    shares = np.linspace(0.1, 0.5, 20)
    everything, even, _ = shares_of_gap(results(shares[:18], gaps=[0.3] * 18), "ppl_lpips", ["optimal"])
    assert everything.share.low < everything.share.value < everything.share.high
    assert (even.pairs, even.share.low) == (9, None)
    _, even, _ = shares_of_gap(results(shares, gaps=[0.3] * 20), "ppl_lpips", ["optimal"])
    assert (even.pairs, even.share.low is None) == (10, False)


@pytest.mark.parametrize("spread", [0.3, 1.0])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(spread, monkeypatch):
    """Also where gaps differ by an order of magnitude from pair to pair."""
    monkeypatch.setattr("whichway.analysis.statistics.estimates.RESAMPLES", 499)
    rng, held = np.random.default_rng(0), 0
    for _ in range(100):
        gaps = 0.3 * np.exp(rng.normal(0, spread, 30))
        [share, *_] = shares_of_gap(results(rng.normal(0.4, 0.3, 30), gaps=gaps, seeds=1), "ppl_lpips", ["optimal"])
        held += share.share.low <= 0.4 <= share.share.high
    assert 86 <= held <= 100


def test_a_method_without_results_is_named():
    with pytest.raises(ValueError, match="no results of mixture; there are geodesic, identity, optimal"):
        shares_of_gap(results([0.5], gaps=[1.0]), "ppl_lpips", ["mixture"])
