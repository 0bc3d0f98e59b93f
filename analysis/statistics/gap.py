"""Which share of what could be gained over the straight line a method takes.

(PPL_identity − PPL_method) / (PPL_identity − PPL_geodesic): 0 where the method is no shorter than the straight line
between matrices, 1 where it is as short as the geodesic of the images themselves. What the search for the geodesic does
not reach is missing in the denominator, so that the share is an upper bound.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import DegenerateDataWarning, bootstrap

from whichway.analysis.statistics import estimates
from whichway.analysis.statistics.estimates import Estimate


@dataclass(frozen=True)
class ShareOfGap:
    """Of one method on the pairs of one stratum.

    Attributes:
        pairs: their number.
        gap: mean over pairs of what the geodesic gains, as a share of the reference's mean.
        share: of the gap that the method closes: the ratio of the two mean gains, not the mean of ratios, which a pair
            without a gap would blow up; 95 % BCa interval, pairs drawn again.
    """

    method: str
    stratum: str
    pairs: int
    gap: float
    share: Estimate


def shares_of_gap(
    results: pd.DataFrame,
    column: str,
    methods: Sequence[str],
    *,
    reference: str = "identity",
    best: str = "geodesic",
) -> list[ShareOfGap]:
    """Each method on all pairs, then on those of each stratum of similarity.

    Args:
        results: one row for each (pair, seed, method), as :func:`whichway.analysis.study.results.read_results` has it;
            seeds are averaged within their pair.
        column: what is to be gained in: "ppl_lpips" or "energy_lpips", for instance.

    Raises:
        ValueError: a method without results.
    """
    means = results[column].astype(float).groupby([results["pair"], results["method"]]).mean().unstack()
    missing = [name for name in (reference, *methods, best) if name not in means]
    if missing:
        raise ValueError(f"no results of {', '.join(missing)}; there are {', '.join(map(str, means))}")
    strata = results.groupby("pair")["stratum"].first().reindex(means.index)
    groups = {"all": means} | {str(name): means[strata == name] for name in sorted(strata.dropna().unique(), key=str)}
    return [
        _share(group[[reference, method, best]].dropna(), stratum)
        for method in methods
        for stratum, group in groups.items()
    ]


def _share(means: pd.DataFrame, stratum: str) -> ShareOfGap:
    """Of a table with the columns reference, method and best."""
    reference, method, best = means.to_numpy(float).T
    gap = float((reference - best).mean() / reference.mean()) if len(means) else float("nan")
    return ShareOfGap(str(means.columns[1]), stratum, len(means), gap, _ratio(reference - method, reference - best))


def _ratio(gained: np.ndarray, possible: np.ndarray) -> Estimate:
    """Mean over mean; without an interval where there are fewer than 5 pairs, or where some draws gain nothing."""

    def ratio(x: np.ndarray, y: np.ndarray, axis: int = -1) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            return x.mean(axis=axis) / y.mean(axis=axis)

    value = float(ratio(gained, possible)) if len(gained) else float("nan")
    if len(gained) < 5 or not np.isfinite(value) or np.ptp(gained) == 0:
        return Estimate(value, None, None)
    with warnings.catch_warnings():  # what has no interval says so below
        warnings.simplefilter("ignore", DegenerateDataWarning)
        interval = bootstrap(
            (gained, possible),
            ratio,
            paired=True,
            vectorized=True,
            n_resamples=estimates.RESAMPLES,
            confidence_level=estimates.CONFIDENCE,
            rng=np.random.default_rng(0),
        ).confidence_interval
    ends = float(interval.low), float(interval.high)
    return Estimate(value, *(ends if np.isfinite(ends).all() else (None, None)))
