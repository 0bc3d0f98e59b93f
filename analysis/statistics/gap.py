"""Which share of what could be gained over the straight line a method takes.

The share is mean log(PPL_identity / PPL_method) over mean log(PPL_identity / PPL_geodesic): 0 where the method is no
shorter than the straight line between matrices, 1 where it is as short as the geodesic of the images themselves.
Logarithms, as in every comparison of methods (:mod:`whichway.analysis.statistics.paired`): in a mean of differences a
few pairs that are far apart outweigh all others. What the search for the geodesic does not reach is missing in the
denominator, so that a share is nearer to 0 the longer the search went on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from whichway.analysis.statistics.estimates import FEW_PAIRS, Estimate, Values, Weights, estimate
from whichway.analysis.statistics.paired import by_pair, log_ratios, strata_of


@dataclass(frozen=True)
class ShareOfGap:
    """Of one method on the pairs of one stratum.

    Attributes:
        pairs: their number.
        gap: by how much the geodesic is shorter than the reference: 1 − the geometric mean of their ratio.
        share: of the gap that the method closes: the ratio of the two mean gains, not the mean of ratios, which a pair
            without a gap would blow up; 95 % BCa interval over pairs within their strata, from
            :data:`~whichway.analysis.statistics.estimates.FEW_PAIRS` pairs on.
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
    missing = [name for name in (reference, *methods, best) if name not in set(results["method"])]
    if missing:
        raise ValueError(f"no results of {', '.join(missing)}; there are {', '.join(sorted(set(results['method'])))}")
    return [
        _share(_of_methods(rows, column, (reference, method, best)), stratum, rows)
        for method in methods
        for stratum, rows in _groups(results).items()
    ]


def _groups(results: pd.DataFrame) -> dict[str, pd.DataFrame]:
    strata = sorted(results["stratum"].dropna().unique(), key=str)
    return {"all": results} | {str(name): results[results["stratum"] == name] for name in strata}


def _of_methods(results: pd.DataFrame, column: str, methods: Sequence[str]) -> pd.DataFrame:
    return by_pair(results[results["method"].isin(methods)], column)[list(methods)]


def _share(means: pd.DataFrame, stratum: str, results: pd.DataFrame) -> ShareOfGap:
    """Of a table with the columns reference, method and best."""
    reference, method, best = means.to_numpy(float).T
    gained, possible = log_ratios(reference, method), log_ratios(reference, best)
    known = np.isfinite(gained) & np.isfinite(possible)
    gap = float(-np.expm1(-possible[known].mean())) if known.any() else float("nan")
    share = _ratio_of_means(gained[known], possible[known], strata_of(results, means.index[known]))
    return ShareOfGap(str(means.columns[1]), stratum, int(known.sum()), gap, share)


def _ratio_of_means(gained: Values, possible: Values, strata: Sequence) -> Estimate:
    def ratio(weights: Weights) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return ((weights @ gained) / (weights @ possible))[:, None]

    if not len(gained):
        return Estimate(float("nan"))
    [found] = estimate(ratio, len(gained), strata)
    return found if len(gained) >= FEW_PAIRS else Estimate(found.value)
