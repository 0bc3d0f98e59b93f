"""How far two measures go together over pairs of prompts, and how far length predicts looks."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import linregress, spearmanr

from whichway.analysis.statistics.estimates import Estimate, Values, estimate
from whichway.analysis.statistics.paired import by_pair


def correlation(x: Values, y: Values) -> Estimate:
    """Spearman's rank correlation over pairs, with a percentile interval; NaN where one of the two does not vary."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return Estimate(np.nan, None, None)
    return estimate(lambda a, b: float(spearmanr(a, b).statistic), x, y, vectorized=False)


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

    return estimate(spearman, np.arange(len(pairs), dtype=float), vectorized=False)


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


def predict_from_length(
    results: pd.DataFrame, metric: str, *, method: str, reference: str, length: str = "length"
) -> LengthPrediction:
    """What the ratio of lengths (W_2 / RMS Frobenius, for the optimal method against identity) says of PPL's.

    Args:
        length: the column of the lengths: of one encoder's rows, where there are several.

    Raises:
        ValueError: one of the two methods is missing or has no length.
    """
    lengths, ppl = by_pair(results.dropna(subset=length), length), by_pair(results, f"ppl_{metric}")
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
