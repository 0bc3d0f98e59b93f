"""The share of the gap that a method closes."""

import numpy as np
import pandas as pd
import pytest

from whichway.analysis.statistics.gap import shares_of_gap


def results(shares, *, gaps, seeds=2):
    """Identity at 10, the geodesic lower by the gap, "optimal" by its share of the gap; seeds differ, means do not."""
    rows = []
    for pair, (share, gap) in enumerate(zip(shares, gaps, strict=True)):
        for seed in range(seeds):
            noise = seed - (seeds - 1) / 2
            values = {"identity": 10.0, "optimal": 10 - share * gap, "geodesic": 10 - gap}
            rows += [
                {"pair": pair, "seed": seed, "method": name, "stratum": pair % 2, "ppl_lpips": value + noise}
                for name, value in values.items()
            ]
    return pd.DataFrame(rows)


def test_equal_shares_are_the_share_whatever_the_gaps():
    everything, even, odd = shares_of_gap(results([0.25] * 8, gaps=range(1, 9)), "ppl_lpips", ["optimal"])
    assert [part.share.value for part in (everything, even, odd)] == pytest.approx([0.25] * 3)
    assert (everything.pairs, even.pairs, odd.pairs) == (8, 4, 4)
    assert (everything.stratum, even.stratum, odd.stratum) == ("all", "0", "1")
    assert everything.gap == pytest.approx(0.45)
    assert even.share.low is None  # four pairs


def test_a_pair_without_a_gap_does_not_blow_it_up():
    [share, *_] = shares_of_gap(results([0.5] * 9 + [7.0], gaps=[2.0] * 9 + [1e-9]), "ppl_lpips", ["optimal"])
    assert share.share.value == pytest.approx(0.5, abs=1e-6)


def test_the_interval_holds_the_truth_about_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr("whichway.analysis.statistics.estimates.RESAMPLES", 499)
    rng, held = np.random.default_rng(0), 0
    for _ in range(100):
        gaps = rng.uniform(1, 3, 40)
        [share, *_] = shares_of_gap(results(rng.normal(0.4, 0.3, 40), gaps=gaps, seeds=1), "ppl_lpips", ["optimal"])
        assert share.share.low < share.share.value < share.share.high
        held += share.share.low <= 0.4 <= share.share.high
    assert 86 <= held <= 100


def test_a_method_without_results_is_named():
    with pytest.raises(ValueError, match="no results of mixture; there are geodesic, identity, optimal"):
        shares_of_gap(results([0.5], gaps=[1.0]), "ppl_lpips", ["mixture"])
