"""Methods against each other on the same pairs of prompts: the effect, its size with intervals, and its test.

The pair is the unit: seeds are averaged within their pair first, and intervals come from drawing pairs again, within
their strata. The effect is the ratio of two methods' values; it is reported as a geometric mean, and tested as what
that is the mean of, the logarithm.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from whichway.analysis.statistics.estimates import (
    FEWEST,
    Estimate,
    Strata,
    Values,
    estimate_means,
    estimate_means_and_effects,
)

ROUNDING = 1e-6  # of distances between clouds: two prompts that encode alike are this far apart, or less


def by_pair(results: pd.DataFrame, column: str) -> pd.DataFrame:
    """Means over seeds, one row for each pair and one column for each method, in the methods' order.

    Pairs on which some method has no value (a path that does not move has no ratios) are left out for all.
    """
    return columns_by_pair(results, [column])[column]


def columns_by_pair(results: pd.DataFrame, columns: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Column → :func:`by_pair`, of many columns at once."""
    means = results[[*columns]].astype(float).groupby([results["pair"], results["method"]]).mean()
    methods = list(dict.fromkeys(results["method"]))
    return {column: means[column].unstack()[methods].dropna() for column in columns}


def strata_of(results: pd.DataFrame, pairs: pd.Index) -> list[Hashable]:
    """The stratum of each of these pairs; one and the same where there are none."""
    if "stratum" not in results:
        return [None] * len(pairs)
    strata = results.drop_duplicates("pair").set_index("pair")["stratum"]
    return [None if pd.isna(name) else str(name) for name in strata.loc[pairs]]


@dataclass(frozen=True)
class PairedComparison:
    """One method against a reference on the same pairs and seeds.

    Attributes:
        pairs: how many.
        mean: the method's own mean.
        difference: mean of method − reference.
        ratio: geometric mean of method / reference, over the pairs on which both are positive.
        effect: mean of log(method / reference) over its standard deviation, Cohen's d of paired values: how large the
            effect is against how much it varies from pair to pair; NaN with too few pairs to tell.
        wins: share of pairs on which the method is better than the reference; ties count half.
        logs: log(method / reference), pair by pair.
    """

    method: str
    pairs: int
    mean: float
    difference: Estimate
    ratio: Estimate
    effect: Estimate
    wins: float
    logs: Values = field(repr=False, compare=False)

    @cached_property
    def p(self) -> float | None:
        """Of Wilcoxon's signed-rank test on :attr:`logs`, two-sided, not corrected; None where all are zero.

        Computed where it is asked for: of the thousands of comparisons of a report few are tests that were declared.
        """
        return signed_rank_test(self.logs)


def compare_methods(
    results: pd.DataFrame, column: str, reference: str, *, low_is_better: bool = True
) -> list[PairedComparison]:
    """Every other method against ``reference``; intervals by drawing pairs again within their strata.

    Args:
        low_is_better: of the measure in ``column``; says who wins.

    Raises:
        ValueError: results without the reference.
    """
    means = by_pair(results, column)
    return compare_means(means, strata_of(results, means.index), reference, low_is_better=low_is_better)


def compare_means(
    means: pd.DataFrame, strata: Strata, reference: str, *, low_is_better: bool = True
) -> list[PairedComparison]:
    """As :func:`compare_methods`, of what :func:`by_pair` and :func:`strata_of` say: once for several references."""
    if reference not in means:
        raise ValueError(f"no results of {reference!r}; there are {', '.join(means)}")
    others = [method for method in means if method != reference]
    values, base = means[others].to_numpy(), means[[reference]].to_numpy()
    logs = log_ratios(values, base)
    columns = zip(
        others,
        values.T,
        logs.T,
        estimate_means(values - base, strata),
        estimate_means_and_effects(logs, strata),
        strict=True,
    )
    return [
        PairedComparison(
            method,
            pairs=len(means),
            mean=float(of_method.mean()) if len(means) else float("nan"),
            difference=difference,
            ratio=log_ratio.map(np.exp),
            effect=effect if len(means) >= FEWEST else Estimate(float("nan")),
            wins=_wins(of_method, base[:, 0], low_is_better),
            logs=of_logs,
        )
        for method, of_method, of_logs, difference, (log_ratio, effect) in columns
    ]


def log_ratios(values: np.ndarray, base: np.ndarray) -> np.ndarray:
    """log(values / base); NaN where one of the two is not positive."""
    positive = (values > 0) & (base > 0)
    return np.log(np.where(positive, values, np.nan) / np.where(positive, base, np.nan))


def ratios_where_apart(distances: pd.Series, others: pd.Series) -> pd.Series:
    """Pair by pair ``distances`` / ``others``; NaN where the prompts are one and the same up to :data:`ROUNDING`."""
    return distances / others.where(others > ROUNDING)


def signed_rank_test(logs: Values) -> float | None:
    """p of Wilcoxon's signed-rank test that the logarithms are symmetric about zero, two-sided; None if all are 0."""
    known = logs[~np.isnan(logs)]
    return float(wilcoxon(known).pvalue) if known.any() else None


def _wins(values: Values, base: Values, low_is_better: bool) -> float:
    if not len(values):
        return float("nan")
    better = values < base if low_is_better else values > base
    return float(np.mean(better + 0.5 * (values == base)))
