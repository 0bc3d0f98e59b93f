"""How far two measures go together over pairs of prompts, and how far length predicts looks."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import linregress

from whichway.analysis.statistics import estimates
from whichway.analysis.statistics.estimates import Estimate, Statistic, Strata, Values, Weights, estimate
from whichway.analysis.statistics.paired import by_pair, log_ratios, strata_of

FEWEST_ON_A_LINE = 3  # pairs
FEWER = 5  # times fewer resamples where ranks are weighted anew in each


def correlation(x: Values, y: Values, strata: Strata = None) -> Estimate:
    """Spearman's rank correlation over pairs, with its interval; NaN where one of the two does not vary."""
    return _correlate(x, y, np.arange(len(x)), strata)


def correlation_of_steps(steps: pd.DataFrame, x: str, y: str) -> Estimate:
    """Spearman's correlation of two columns over all steps; the interval draws whole pairs again, not steps.

    Steps of one pair are alike, so that an interval over steps would be too narrow (a cluster bootstrap). NaN where
    one of the two does not vary.

    Args:
        steps: one row for each step, with a column ``pair``.
    """
    known = steps.dropna(subset=[x, y])
    pairs, index = np.unique(known["pair"].to_numpy(), return_inverse=True)
    if len(pairs) < estimates.FEWEST:
        return Estimate(np.nan)
    strata = strata_of(known, pd.Index(pairs))
    return _correlate(known[x].to_numpy(float), known[y].to_numpy(float), index, strata)


def _correlate(x: Values, y: Values, pair: np.ndarray, strata: Strata) -> Estimate:
    if not len(x) or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Estimate(np.nan)
    pairs = int(pair.max()) + 1
    [found] = estimate(spearman_of(x, y, pair), pairs, strata, resamples=estimates.RESAMPLES // FEWER)
    return found


def spearman_of(x: Values, y: Values, pair: np.ndarray) -> Statistic:
    """Spearman's correlation as a function of how much each pair counts; ``pair``: whose the values are, from 0."""
    ranks_x, ranks_y = _ranks_of(x), _ranks_of(y)

    def statistic(weights: Weights) -> Float[np.ndarray, "draws 1"]:
        counts = weights[:, pair]
        counts = counts / counts.sum(axis=1, keepdims=True)
        a, b = ranks_x(counts), ranks_y(counts)
        a, b = (each - (counts * each).sum(axis=1, keepdims=True) for each in (a, b))
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.sqrt((counts * a * a).sum(axis=1) * (counts * b * b).sum(axis=1))
            return ((counts * a * b).sum(axis=1) / spread)[:, None]

    return statistic


def _ranks_of(values: Values):  # type: ignore[no-untyped-def]
    """Mid-ranks under weights: the weight of all that is below, and half of what is equal."""
    _, index = np.unique(values, return_inverse=True)
    order = np.argsort(index, kind="stable")
    starts = np.flatnonzero(np.diff(index[order], prepend=-1))

    def ranks(counts: Float[np.ndarray, "draws values"]) -> Float[np.ndarray, "draws values"]:
        of_value = np.add.reduceat(counts[:, order], starts, axis=1)
        return (np.cumsum(of_value, axis=1) - of_value / 2)[:, index]

    return ranks


@dataclass(frozen=True)
class LengthPrediction:
    """How far log(length ratio) predicts log(PPL ratio) of two methods over pairs.

    Attributes:
        spearman: rank correlation of the two ratios; NaN, as are the next two, with fewer than 3 pairs that have them.
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


def predict_from_length(
    results: pd.DataFrame, perceptual_distance: str, *, method: str, reference: str, length: str = "length"
) -> LengthPrediction:
    """What the ratio of lengths (W_2 / RMS Frobenius, for the optimal method against identity) says of PPL's.

    Args:
        length: the column of the lengths: of one encoder's rows, where there are several.

    Raises:
        ValueError: one of the two methods is missing or has no length.
    """
    lengths = by_pair(results.dropna(subset=length), length)
    ppl = by_pair(results, f"ppl_{perceptual_distance}")
    for name in (method, reference):
        if name not in lengths or name not in ppl:
            raise ValueError(f"no lengths of {name!r}; there are {', '.join(lengths)}")
    pairs = lengths.index.intersection(ppl.index)
    x, y = (log_ratios(each[method][pairs].to_numpy(), each[reference][pairs].to_numpy()) for each in (lengths, ppl))
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < FEWEST_ON_A_LINE or np.ptp(x[known]) == 0:
        nan = float("nan")
        return LengthPrediction(Estimate(nan), nan, nan, *(_geometric_mean(each[known]) for each in (x, y)))
    line = linregress(x[known], y[known])
    return LengthPrediction(
        correlation(x[known], y[known], strata_of(results, pairs[known])),
        float(line.rvalue**2),
        float(line.slope),
        _geometric_mean(x[known]),
        _geometric_mean(y[known]),
    )


def _geometric_mean(logs: Values) -> float:
    return float(np.exp(logs.mean())) if len(logs) else float("nan")
