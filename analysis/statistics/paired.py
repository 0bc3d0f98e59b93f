"""Methods against each other on the same pairs of prompts: differences with intervals, and tests.

The pair is the unit: seeds are averaged within their pair first, and intervals come from drawing pairs again.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon
from statsmodels.stats.multitest import multipletests

from whichway.analysis.statistics.estimates import Estimate, Values, estimate_mean


def by_pair(results: pd.DataFrame, column: str) -> pd.DataFrame:
    """Means over seeds, one row for each pair and one column for each method, in the methods' order.

    Pairs on which some method has no value (a path that does not move has no ratios) are left out for all.
    """
    means = results[column].astype(float).groupby([results["pair"], results["method"]]).mean().unstack()
    return means[list(dict.fromkeys(results["method"]))].dropna()


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
