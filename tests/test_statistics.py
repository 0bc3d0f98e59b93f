"""Known answers on made-up results: effects that are there are found, and effects that are not are not."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

from whichway.analysis.statistics.correlations import correlation, correlation_of_steps, predict_from_length
from whichway.analysis.statistics.estimates import estimate_mean
from whichway.analysis.statistics.paired import by_pair, compare_methods


def results_of(ppl: dict[str, np.ndarray], seeds: int = 3, **columns: dict[str, np.ndarray]) -> pd.DataFrame:
    """Each pair's value, the same for all seeds up to a zero-sum wobble."""
    wobble = np.linspace(-0.01, 0.01, seeds)
    rows = []
    for method, values in ppl.items():
        for pair, value in enumerate(values):
            extra = {name: column[method][pair] for name, column in columns.items()}
            rows += [
                {"pair": pair, "seed": seed, "method": method, "ppl_m": value + wobble[seed]} | extra
                for seed in range(seeds)
            ]
    return pd.DataFrame(rows)


BASE = np.random.default_rng(0).uniform(1, 3, 60)
NOISE = np.random.default_rng(1).normal(0, 0.1, 60)


def test_seeds_are_averaged_within_their_pair():
    means = by_pair(results_of({"identity": BASE, "optimal": BASE - 0.2}), "ppl_m")
    assert list(means) == ["identity", "optimal"]
    assert means["identity"].to_numpy() == pytest.approx(BASE)


def test_an_effect_that_is_there_is_found_with_its_size():
    results = results_of({"identity": BASE, "optimal": 0.9 * BASE, "random": BASE + NOISE})
    optimal, random = compare_methods(results, "ppl_m", "identity")
    assert optimal.ratio.value == pytest.approx(0.9)
    assert optimal.difference.value == pytest.approx(-0.1 * BASE.mean())
    assert optimal.difference.high < 0
    assert optimal.wins == 1
    assert optimal.p_holm < 1e-9
    assert random.difference.low < 0 < random.difference.high
    assert random.p == pytest.approx(wilcoxon(NOISE).pvalue, rel=1e-6)
    assert random.p_holm >= random.p


def test_equal_methods_tie_everywhere():
    (optimal,) = compare_methods(results_of({"identity": BASE, "optimal": BASE}), "ppl_m", "identity")
    assert (optimal.wins, optimal.p, optimal.difference.low) == (0.5, None, None)


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(2)
    intervals = [estimate_mean(rng.exponential(size=40)) for _ in range(60)]
    covered = np.mean([estimate.low <= 1 <= estimate.high for estimate in intervals])
    assert 0.85 <= covered <= 1


def test_few_pairs_have_no_interval():
    assert estimate_mean(np.array([1.0, 2.0])).low is None


def test_pairs_that_a_method_lacks_are_left_out_for_all():
    results = results_of({"identity": BASE, "optimal": BASE})
    results.loc[(results["pair"] == 7) & (results["method"] == "optimal"), "ppl_m"] = np.nan
    assert 7 not in by_pair(results, "ppl_m").index


def test_a_perfect_rank_correlation_is_one():
    estimate = correlation(BASE, BASE**3)
    assert estimate.value == pytest.approx(1)
    weak = correlation(BASE, BASE + 3 * np.random.default_rng(3).normal(size=60))
    assert weak.low < weak.value < weak.high < 1


def test_length_predicts_ppl_where_it_does():
    ratio = np.random.default_rng(4).uniform(0.6, 1, 60)
    lengths = {"identity": np.ones(60), "optimal": ratio}
    results = results_of({"identity": BASE, "optimal": BASE * ratio**2}, seeds=1, length=lengths)
    results["ppl_m"] += 0.01  # the wobble's first value is −0.01
    found = predict_from_length(results, "m", method="optimal", reference="identity")
    assert found.slope == pytest.approx(2)
    assert found.explained == pytest.approx(1)
    assert found.length_ratio == pytest.approx(np.exp(np.log(ratio).mean()))


def test_a_missing_reference_is_named():
    with pytest.raises(ValueError, match="no results of 'slerp'; there are identity"):
        compare_methods(results_of({"identity": BASE}), "ppl_m", "slerp")


def test_where_high_is_better_the_higher_wins():
    results = results_of({"identity": BASE, "optimal": BASE + 0.2})
    (low,), (high,) = (compare_methods(results, "ppl_m", "identity", low_is_better=low) for low in (True, False))
    assert (low.wins, high.wins) == (0, 1)
    assert low.ratio == high.ratio


def test_steps_of_one_pair_do_not_count_as_so_many_observations():
    """Forty steps a pair that differ between pairs only: the interval is as wide as that of the pairs alone."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 12))
    steps = pd.DataFrame({"pair": np.repeat(np.arange(12), 40), "x": np.repeat(x, 40), "y": np.repeat(y, 40)})
    found, alone = correlation_of_steps(steps, "x", "y"), correlation(x, y)
    assert found.value == pytest.approx(alone.value, abs=0.02)
    assert found.high - found.low == pytest.approx(alone.high - alone.low, rel=0.15)
    assert np.isnan(correlation_of_steps(steps.assign(x=1.0), "x", "y").value)
