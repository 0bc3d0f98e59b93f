"""Results of a study → what can be said of them: paired differences with intervals, tests, and correlations.

The pair is the unit: seeds are averaged within their pair first, and intervals come from drawing pairs again.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import ConstantInputWarning, DegenerateDataWarning, bootstrap, linregress, spearmanr, wilcoxon
from statsmodels.stats.multitest import multipletests

RESAMPLES = 9_999
CONFIDENCE = 0.95

Values = Float[np.ndarray, " pairs"]


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % bootstrap interval; both ends None where there are too few pairs to tell."""

    value: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        interval = "–" if self.low is None else f"{self.low:.3f} to {self.high:.3f}"
        return f"{self.value:.3f} ({interval})"


def by_pair(results: pd.DataFrame, column: str) -> pd.DataFrame:
    """Means over seeds, one row for each pair and one column for each method, in the methods' order.

    Pairs on which some method has no value (a path that does not move has no ratios) are left out for all.
    """
    means = results[column].astype(float).groupby([results["pair"], results["method"]]).mean().unstack()
    return means[list(dict.fromkeys(results["method"]))].dropna()


def estimate_mean(values: Values) -> Estimate:
    """The mean over pairs, with the BCa interval."""
    return _estimate(lambda x, axis=-1: np.mean(x, axis=axis), values)


def _estimate(statistic: Callable, *samples: Values, vectorized: bool = True) -> Estimate:
    value = float(statistic(*samples))
    if len(samples[0]) < 5 or any(np.ptp(sample) == 0 for sample in samples):
        return Estimate(value, None, None)
    with warnings.catch_warnings():  # a sample of a few pairs may be all the same; what has no interval says so below
        for said in (ConstantInputWarning, DegenerateDataWarning):
            warnings.simplefilter("ignore", said)
        interval = bootstrap(
            samples,
            statistic,
            paired=len(samples) > 1,
            vectorized=vectorized,
            n_resamples=RESAMPLES if vectorized else RESAMPLES // 5,  # one by one they take longer
            confidence_level=CONFIDENCE,
            method="BCa" if vectorized else "percentile",
            rng=np.random.default_rng(0),
        ).confidence_interval
    if not np.isfinite([interval.low, interval.high]).all():  # all but one pair are equal
        return Estimate(value, None, None)
    return Estimate(value, float(interval.low), float(interval.high))


@dataclass(frozen=True)
class PairedComparison:
    """One method against a reference on the same pairs and seeds.

    Attributes:
        mean: the method's own mean.
        difference: mean of method − reference.
        ratio: geometric mean of method / reference.
        wins: share of pairs on which the method is better than the reference; ties count half.
        p: Wilcoxon's signed-rank test, two-sided; None where all differences are zero.
        p_holm: the same, corrected for all methods compared (Holm).
    """

    method: str
    mean: float
    difference: Estimate
    ratio: Estimate
    wins: float
    p: float | None
    p_holm: float | None


def compare_methods(
    results: pd.DataFrame, column: str, reference: str, *, low_is_better: bool = True
) -> list[PairedComparison]:
    """Every other method against ``reference``.

    Args:
        low_is_better: of the measure in ``column``; says who wins.

    Raises:
        ValueError: results without the reference.
    """
    means = by_pair(results, column)
    if reference not in means:
        raise ValueError(f"no results of {reference!r}; there are {', '.join(means)}")
    others = [method for method in means if method != reference]
    base = means[reference].to_numpy()
    tests = [_wilcoxon(means[method].to_numpy() - base) for method in others]
    tested = [p for p in tests if p is not None]
    corrected = iter(multipletests(tested, method="holm")[1] if tested else ())
    return [
        _compare(
            method,
            means[method].to_numpy(),
            base,
            (p, None if p is None else float(next(corrected))),
            low_is_better,
        )
        for method, p in zip(others, tests, strict=True)
    ]


def _wilcoxon(differences: Values) -> float | None:
    return float(wilcoxon(differences).pvalue) if differences.any() else None


def _compare(
    method: str, values: Values, base: Values, tests: tuple[float | None, float | None], low_is_better: bool
) -> PairedComparison:
    positive = (values > 0) & (base > 0)
    logs = estimate_mean(np.log(values[positive] / base[positive])) if positive.any() else Estimate(np.nan, None, None)
    ratio = Estimate(*(None if end is None else float(np.exp(end)) for end in (logs.value, logs.low, logs.high)))  # type: ignore[arg-type]
    better = values < base if low_is_better else values > base
    wins = float(np.mean(better + 0.5 * (values == base)))
    return PairedComparison(method, float(values.mean()), estimate_mean(values - base), ratio, wins, *tests)


def correlation(x: Values, y: Values) -> Estimate:
    """Spearman's rank correlation over pairs, with a percentile interval; NaN where one of the two does not vary."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return Estimate(np.nan, None, None)
    return _estimate(lambda a, b: float(spearmanr(a, b).statistic), x, y, vectorized=False)


def correlation_of_steps(steps: pd.DataFrame, x: str, y: str) -> Estimate:
    """Spearman's correlation of two columns over all steps; the interval draws whole pairs again, not steps.

    Steps of one pair are alike, so that an interval over steps would be too narrow (a cluster bootstrap). NaN where
    one of the two does not vary.

    Args:
        steps: one row for each step, with a column ``pair``.
    """
    known = steps.dropna(subset=[x, y])
    pairs = [group[[x, y]].to_numpy() for _, group in known.groupby("pair")]
    if len(pairs) < 5 or known[x].nunique() < 2 or known[y].nunique() < 2:
        return Estimate(np.nan, None, None)

    def spearman(drawn: np.ndarray) -> float:
        return float(spearmanr(np.concatenate([pairs[int(index)] for index in drawn])).statistic)

    return _estimate(spearman, np.arange(len(pairs), dtype=float), vectorized=False)


@dataclass(frozen=True)
class LengthPrediction:
    """How far log(length ratio) predicts log(PPL ratio) of two methods over pairs.

    Attributes:
        spearman: rank correlation of the two ratios.
        explained: R² of the straight line.
        slope: of that line: by how many per cent PPL shrinks for one per cent of length.
        length_ratio: geometric mean of the lengths' ratio.
        ppl_ratio: geometric mean of the PPLs' ratio.
    """

    spearman: Estimate
    explained: float
    slope: float
    length_ratio: float
    ppl_ratio: float


def predict_from_length(results: pd.DataFrame, metric: str, *, method: str, reference: str) -> LengthPrediction:
    """What the ratio of lengths (W_2 / RMS Frobenius, for the optimal method against identity) says of PPL's.

    Raises:
        ValueError: one of the two methods is missing or has no length.
    """
    lengths, ppl = by_pair(results.dropna(subset="length"), "length"), by_pair(results, f"ppl_{metric}")
    for name in (method, reference):
        if name not in lengths or name not in ppl:
            raise ValueError(f"no lengths of {name!r}; there are {', '.join(lengths)}")
    pairs = lengths.index.intersection(ppl.index)
    x = np.log((lengths[method] / lengths[reference])[pairs].to_numpy())
    y = np.log((ppl[method] / ppl[reference])[pairs].to_numpy())
    seen = np.isfinite(x) & np.isfinite(y)
    line = linregress(x[seen], y[seen])
    return LengthPrediction(
        correlation(x[seen], y[seen]),
        float(line.rvalue**2),
        float(line.slope),
        float(np.exp(x[seen].mean())),
        float(np.exp(y[seen].mean())),
    )
