"""Known answers on made-up results: effects that are there are found, and effects that are not are not."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap, spearmanr, wilcoxon

from whichway.analysis.prompts.pairs import DIFFERING
from whichway.analysis.statistics import estimates
from whichway.analysis.statistics.correlations import (
    correlation,
    correlation_of_steps,
    predict_from_length,
    spearman_of,
)
from whichway.analysis.statistics.estimates import (
    Estimate,
    estimate_mean,
    estimate_means,
    estimate_means_and_effects,
)
from whichway.analysis.statistics.paired import by_pair, compare_methods, log_ratios
from whichway.analysis.study.declared_tests import carry_out
from whichway.analysis.study.plan import Hypothesis

WOBBLE = (-0.01, -0.002, 0.012)  # of the seeds: adds up to nothing, and its median is not its mean


def results_of(ppl: dict[str, np.ndarray], seeds: int = 3, **columns: dict[str, np.ndarray]) -> pd.DataFrame:
    """Each pair's value, the same for all seeds up to a wobble; of one seed, exactly."""
    wobble = WOBBLE if seeds == 3 else (0.0,) * seeds
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
    assert optimal.mean == pytest.approx(0.9 * BASE.mean())
    assert optimal.ratio.value == pytest.approx(0.9)
    assert optimal.difference.value == pytest.approx(-0.1 * BASE.mean())
    assert optimal.difference.high < 0
    assert optimal.wins == 1
    assert optimal.p < 1e-9
    assert random.difference.low < 0 < random.difference.high
    assert random.ratio.low < random.ratio.value < random.ratio.high


def test_the_ratio_is_a_geometric_mean():
    """Half of the pairs twice as long, half of them half as long: no change, though the mean of the ratios is 5/4."""
    factors = np.where(np.arange(60) % 2, 2.0, 0.5)
    (optimal,) = compare_methods(
        results_of({"identity": BASE, "optimal": BASE * factors}, seeds=1), "ppl_m", "identity"
    )
    assert optimal.ratio.value == pytest.approx(1)
    assert optimal.wins == 0.5


def test_a_pair_of_no_length_has_a_difference_but_no_ratio():
    still = np.where(np.arange(60) == 7, 0, 0.5 * BASE)
    (optimal,) = compare_methods(results_of({"identity": BASE, "optimal": still}, seeds=1), "ppl_m", "identity")
    assert optimal.ratio.value == pytest.approx(0.5)
    assert optimal.difference.value == pytest.approx((still - BASE).mean())


def test_the_test_is_of_what_is_reported():
    """On the logarithms of the ratios: a method that is half as long or twice as long, as often, differs in nothing."""
    factors = np.where(np.arange(60) % 2, 2.0, 0.5)
    (balanced,) = compare_methods(
        results_of({"identity": BASE, "optimal": BASE * factors}, seeds=1), "ppl_m", "identity"
    )
    assert balanced.p == pytest.approx(1, abs=0.01)
    assert balanced.difference.value > 0.1
    noise = np.exp(NOISE)
    (random,) = compare_methods(results_of({"identity": BASE, "random": BASE * noise}, seeds=1), "ppl_m", "identity")
    assert random.p == pytest.approx(wilcoxon(NOISE).pvalue, rel=1e-6)


def test_the_effect_size_is_the_mean_of_the_logarithms_over_their_deviation():
    noise = np.exp(NOISE - 0.05)
    (optimal,) = compare_methods(results_of({"identity": BASE, "optimal": BASE * noise}, seeds=1), "ppl_m", "identity")
    logs = NOISE - 0.05
    assert optimal.effect.value == pytest.approx(logs.mean() / logs.std())
    assert optimal.effect.low < optimal.effect.value < optimal.effect.high < 0
    mean, effect = optimal.ratio.map(np.log), optimal.effect
    assert (effect.high - effect.low) == pytest.approx((mean.high - mean.low) / logs.std(), rel=0.25)


def test_equal_methods_tie_everywhere():
    (optimal,) = compare_methods(results_of({"identity": BASE, "optimal": BASE}), "ppl_m", "identity")
    assert (optimal.wins, optimal.p, optimal.difference.low) == (0.5, None, None)


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(2)
    intervals = [estimate_mean(rng.exponential(size=40)) for _ in range(60)]
    covered = np.mean([estimate.low <= 1 <= estimate.high for estimate in intervals])
    assert 0.85 <= covered <= 1


def test_intervals_of_normal_values_are_those_of_the_textbook():
    values = np.random.default_rng(5).normal(size=200)
    estimate = estimate_mean(values)
    half = 1.96 * values.std(ddof=1) / 200**0.5
    assert (estimate.low, estimate.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.07 * half)
    assert estimate == estimate_mean(values)


def test_intervals_of_skewed_values_are_skewed():
    """The BCa interval of an exponential mean reaches farther up than down; a percentile interval hardly does."""
    values = np.random.default_rng(6).exponential(size=20)
    estimate = estimate_mean(values)
    assert (estimate.high - estimate.value) / (estimate.value - estimate.low) > 1.35


def test_intervals_are_scipys():
    """Of one sample and of strata, which SciPy calls samples: two programs, other random numbers, the same interval."""
    rng = np.random.default_rng(7)
    strata = [rng.exponential(size=size) + shift for size, shift in ((25, 0), (40, 1), (15, 5))]
    together, names = np.concatenate(strata), np.repeat([0, 1, 2], [25, 40, 15])

    def pooled(*samples, axis=-1):
        return sum(sample.sum(axis=axis) for sample in samples) / 80

    for samples, labels in (([together], None), (strata, list(names))):
        wanted = bootstrap(samples, pooled, n_resamples=9_999, rng=np.random.default_rng(1)).confidence_interval
        found = estimate_mean(together, labels)
        width = wanted.high - wanted.low
        assert found.low == pytest.approx(wanted.low, abs=0.04 * width)
        assert found.high == pytest.approx(wanted.high, abs=0.04 * width)


def test_strata_are_drawn_within_themselves():
    """What differs between strata alone is no uncertainty: the design fixed how many pairs each has."""
    values = np.repeat([0.0, 10.0], 20) + np.random.default_rng(8).normal(size=40)
    widths = [estimate.high - estimate.low for estimate in (estimate_mean(values), estimate_mean(values, [0, 1] * 20))]
    assert widths[1] == pytest.approx(widths[0], rel=0.1)  # strata that say nothing
    stratified = estimate_mean(values, [0] * 20 + [1] * 20)
    assert stratified.high - stratified.low < 0.25 * widths[0]


def test_strata_of_one_pair_are_joined():
    values = np.random.default_rng(9).normal(size=8)
    alone = estimate_mean(values, list(range(8)))
    assert alone == estimate_mean(values)
    assert estimate_mean(values, [0, 0, 0, 0, 1, 1, 1, 2]) == estimate_mean(values, [0, 0, 0, 0, 1, 1, 1, 1])


def test_the_jackknife_of_a_small_stratum_counts_as_scipys():
    """Skewed values in a stratum of 5 beside one of 60: the acceleration is that of both, each by its size."""
    rng = np.random.default_rng(3)
    strata = [rng.exponential(size=5) * 20, rng.normal(size=60)]

    def pooled(*samples, axis=-1):
        return sum(sample.sum(axis=axis) for sample in samples) / 65

    wanted = bootstrap(strata, pooled, n_resamples=9_999, rng=np.random.default_rng(1)).confidence_interval
    found = estimate_mean(np.concatenate(strata), [0] * 5 + [1] * 60)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=0.03 * (wanted.high - wanted.low))


def test_the_acceleration_of_a_mean_is_the_skewness_within_strata():
    """For a mean, Σ (x − x̄_s)³ / (6 (Σ (x − x̄_s)²)^1.5), x̄_s of its stratum, whatever the strata's sizes."""
    rng = np.random.default_rng(3)
    values, names = np.concatenate([rng.exponential(size=4) * 9, rng.normal(size=60)]), [0] * 4 + [1] * 60
    [found] = estimates._acceleration(lambda weights: weights @ values[:, None], estimates._blocks(names, 64), 64)
    deviations = np.concatenate([part - part.mean() for part in (values[:4], values[4:])])
    assert found == pytest.approx((deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5))


def test_a_biased_statistic_has_scipys_interval():
    """Mean over deviation of seven values lies above what it estimates; two programs, other random numbers."""
    values = np.random.default_rng(5).normal(1.0, size=7)
    [(_, found)] = estimate_means_and_effects(values[:, None])
    wanted = bootstrap(
        (values,), lambda x, axis=-1: x.mean(axis) / x.std(axis), n_resamples=9_999, rng=np.random.default_rng(1)
    ).confidence_interval
    assert found.value == pytest.approx(values.mean() / values.std())
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=0.04 * (wanted.high - wanted.low))


def test_logarithms_are_of_positive_numbers_only():
    logs = log_ratios(np.array([2.0, 0.0, 2.0, 0.0]), np.array([1.0, 1.0, 0.0, 0.0]))
    assert logs[0] == pytest.approx(np.log(2))
    assert np.isnan(logs[1:]).all()


def test_columns_with_gaps_are_estimated_from_the_pairs_that_they_have():
    values = np.random.default_rng(10).normal(size=(30, 2))
    values[:7, 1] = np.nan
    whole, gaps = estimate_means(values)
    assert whole == estimate_mean(values[:, 0])
    assert gaps == estimate_mean(values[7:, 1])


def test_spearman_under_weights_is_spearman_of_the_pairs_drawn():
    """With ties, and with several values of a pair."""
    rng = np.random.default_rng(11)
    x, y, pair = rng.integers(0, 6, 40).astype(float), rng.normal(size=40), np.repeat(np.arange(10), 4)
    drawn = rng.integers(0, 10, 10)
    weights = np.bincount(drawn, minlength=10)[None] / 10
    rows = np.concatenate([np.flatnonzero(pair == index) for index in drawn])
    [[found]] = spearman_of(x, y, pair)(weights)
    assert found == pytest.approx(spearmanr(x[rows], y[rows]).statistic)


def test_few_pairs_have_no_interval():
    assert estimate_mean(np.arange(4.0)).low is None
    assert estimate_mean(np.arange(5.0)).low is not None
    assert (str(Estimate(1, None, None)), str(Estimate(1, 0.5, 2))) == ("1.000 (–)", "1.000 (0.500 to 2.000)")


def test_declared_tests_are_corrected_by_holm():
    """Three effects of other sizes: the largest p counts once, the middle one twice, the smallest three times."""
    noise = np.random.default_rng(6).normal(0, 0.1, (3, 60))
    effects = {"optimal": -0.03, "mixture": 0.02, "random": 0.0}
    methods = {name: BASE * np.exp(mean + each) for (name, mean), each in zip(effects.items(), noise, strict=True)}
    results = results_of({"identity": BASE, **methods}, seeds=1).assign(stratum="0–1")
    tested = carry_out(results, [Hypothesis(name, "identity", "ppl", "m", DIFFERING) for name in effects])
    p = sorted(each.comparison.p for each in tested)
    assert 0 < p[0] < p[1] < p[2] < 1
    wanted = np.minimum(np.maximum.accumulate([3 * p[0], 2 * p[1], p[2]]), 1)
    assert sorted(each.p_holm for each in tested) == pytest.approx(list(wanted))


def test_pairs_that_a_method_lacks_are_left_out_for_all():
    results = results_of({"identity": BASE, "optimal": BASE})
    results.loc[(results["pair"] == 7) & (results["method"] == "optimal"), "ppl_m"] = np.nan
    assert 7 not in by_pair(results, "ppl_m").index


def test_a_perfect_rank_correlation_is_one():
    estimate = correlation(BASE, BASE**3)
    assert estimate.value == pytest.approx(1)
    weak = correlation(BASE, BASE + 3 * np.random.default_rng(3).normal(size=60))
    assert weak.low < weak.value < weak.high < 1
    assert np.isnan(correlation(BASE, np.ones(60)).value)


def test_length_predicts_ppl_where_it_does():
    ratio = np.random.default_rng(4).uniform(0.6, 1, 60)
    lengths = {"identity": np.ones(60), "optimal": ratio}
    results = results_of({"identity": BASE, "optimal": BASE * ratio**2}, seeds=1, length=lengths)
    prediction = predict_from_length(results, "m", method="optimal", reference="identity")
    assert prediction.slope == pytest.approx(2)
    assert prediction.explained == pytest.approx(1)
    assert prediction.spearman.value == pytest.approx(1)
    assert prediction.length_ratio == pytest.approx(np.exp(np.log(ratio).mean()))
    assert prediction.ppl_ratio == pytest.approx(prediction.length_ratio**2)


def test_length_predicts_nothing_where_it_does_not():
    rng = np.random.default_rng(4)
    lengths = {"identity": np.ones(60), "optimal": rng.uniform(0.6, 1, 60)}
    ppl = {"identity": BASE, "optimal": BASE * rng.uniform(0.6, 1, 60)}
    prediction = predict_from_length(results_of(ppl, length=lengths), "m", method="optimal", reference="identity")
    assert prediction.explained < 0.1
    assert prediction.spearman.low < 0 < prediction.spearman.high


def test_a_method_without_lengths_is_named():
    lengths = {"identity": np.ones(60), "mixture": np.full(60, np.nan)}
    results = results_of({"identity": BASE, "mixture": BASE}, length=lengths)
    with pytest.raises(ValueError, match="no lengths of 'mixture'; there are identity"):
        predict_from_length(results, "m", method="mixture", reference="identity")


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
    clustered, alone = correlation_of_steps(steps, "x", "y"), correlation(x, y)
    assert clustered.value == pytest.approx(alone.value, abs=0.02)
    assert clustered.high - clustered.low == pytest.approx(alone.high - alone.low, rel=0.15)
    assert np.isnan(correlation_of_steps(steps.assign(x=1.0), "x", "y").value)
