"""Numbers with their 95 % bootstrap intervals: what a study of some pairs says of all pairs.

A statistic is a function of weights: each row of ``weights`` says how much each pair counts, and sums to 1. Equal
weights give the value, those of pairs drawn again its interval. So one draw serves any number of measures and methods
at once, which is what makes a report of thousands of intervals take seconds.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri

RESAMPLES = 9_999
CONFIDENCE = 0.95
FEWEST = 5  # pairs, for an interval
FEW_PAIRS = 10  # an interval over fewer says little, whatever it leaves out
AT_ONCE = 500  # draws, so that a statistic needs little memory

Values = Float[np.ndarray, " pairs"]
Table = Float[np.ndarray, "pairs columns"]
Weights = Float[np.ndarray, "draws pairs"]
Statistic = Callable[[Weights], Float[np.ndarray, "draws columns"]]
Strata = Sequence[Hashable] | None


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % bootstrap interval; both ends None where there are too few pairs to tell."""

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if np.isnan(self.value):  # no pair has a value: prompts of one and the same cloud, for instance
            return "–"
        interval = "–" if self.low is None else f"{self.low:.3f} to {self.high:.3f}"
        return f"{self.value:.3f} ({interval})"

    def leaves_out(self, value: float) -> bool:
        """Whether the value lies outside the interval; False where there is none."""
        return self.low is not None and self.high is not None and not self.low <= value <= self.high

    def map(self, function: Callable[[float], float]) -> "Estimate":
        """Of an increasing function of the number: its value and the ends of its interval."""
        return Estimate(*(None if end is None else float(function(end)) for end in (self.value, self.low, self.high)))  # type: ignore[arg-type]


def estimate_mean(values: Values, strata: Strata = None) -> Estimate:
    """The mean over pairs, with the BCa interval."""
    [estimate] = estimate_means(values[:, None], strata)
    return estimate


def estimate_means(table: Table, strata: Strata = None) -> list[Estimate]:
    """The mean over pairs of each column; pairs on which a column is NaN are left out of that column."""
    return [mean for (mean,) in _by_column(lambda known: lambda weights: weights @ known, table, strata)]


def estimate_means_and_effects(table: Table, strata: Strata = None) -> list[tuple[Estimate, ...]]:
    """As :func:`estimate_means`, each mean with the mean over the standard deviation of its column.

    That is Cohen's d of paired differences; NaN where a column is constant.
    """

    def means_and_effects(known: Table) -> Statistic:
        centre = known.mean(axis=0)
        values_and_squares = np.hstack([known, np.square(known - centre)])

        def statistic(weights: Weights) -> np.ndarray:
            means, squares = np.hsplit(weights @ values_and_squares, 2)
            variance = squares - np.square(means - centre)
            with np.errstate(divide="ignore", invalid="ignore"):
                effects = np.where(variance > 1e-24, means / np.sqrt(np.maximum(variance, 0)), np.nan)
            return np.hstack([means, effects])

        return statistic

    return _by_column(means_and_effects, table, strata)


def _by_column(statistic_of: Callable[[Table], Statistic], table: Table, strata: Strata) -> list[tuple[Estimate, ...]]:
    """What a statistic says of each column: those without gaps all at once, the others one by one.

    Args:
        statistic_of: makes it of a table; its values are the first of each column, the second of each, and so on. They
            are NaN where a column has no pair.
    """
    if not len(table):
        width = table.shape[1]
        undefined = estimate(statistic_of(np.full((1, width), np.nan)), pairs=1)
        return [tuple(undefined[k::width]) for k in range(width)]
    whole = np.flatnonzero(~np.isnan(table).any(axis=0))
    of_whole = estimate(statistic_of(table[:, whole]), len(table), strata)
    estimates = {int(column): tuple(of_whole[k :: len(whole)]) for k, column in enumerate(whole)}
    for column in {*range(table.shape[1])} - {*estimates}:
        known = ~np.isnan(table[:, column])
        kept = None if strata is None else [name for name, here in zip(strata, known, strict=True) if here]
        [estimates[column]] = _by_column(statistic_of, table[known][:, [column]], kept)
    return [estimates[column] for column in range(table.shape[1])]


def estimate(
    statistic: Statistic, pairs: int, strata: Strata = None, *, resamples: int | None = None
) -> list[Estimate]:
    """Values of a statistic of some columns, with bias-corrected and accelerated (BCa) bootstrap intervals.

    Efron 1987; for several strata, each drawn again within itself, as :func:`scipy.stats.bootstrap` has it for several
    samples. A column whose draws are all alike, or of which one is undefined, has no interval.

    Args:
        pairs: their number.
        strata: one name for each pair; None: one stratum.
        resamples: default :data:`RESAMPLES`.
    """
    sizes = np.full((1, pairs), 1 / pairs)
    [values] = statistic(sizes)
    if pairs < FEWEST or not len(values):
        return [Estimate(float(value)) for value in values]
    blocks = _blocks(strata, pairs)
    drawn = _draws(blocks, pairs, resamples or RESAMPLES)
    draws = np.concatenate([statistic(drawn[k : k + AT_ONCE]) for k in range(0, len(drawn), AT_ONCE)])
    ordered = np.sort(np.ascontiguousarray(draws.T), axis=1)
    acceleration = _acceleration(statistic, blocks, pairs)
    return [_interval(*each) for each in zip(values, ordered, acceleration, strict=True)]


Blocks = tuple[tuple[int, ...], ...]


def _blocks(strata: Strata, pairs: int) -> Blocks:
    """Which pairs are drawn among each other. Strata of one pair are joined: they could not vary by themselves."""
    names = [0] * pairs if strata is None else list(strata)
    blocks = [tuple(k for k in range(pairs) if names[k] == name) for name in dict.fromkeys(names)]
    lonely = tuple(k for block in blocks if len(block) == 1 for k in block)
    blocks = [block for block in blocks if len(block) > 1]
    if len(lonely) == 1 and blocks:
        blocks[-1] += lonely
    elif lonely:
        blocks.append(lonely)
    return tuple(blocks)


@lru_cache(maxsize=8)
def _draws(blocks: Blocks, pairs: int, resamples: int) -> Weights:
    """Each pair's weight where each block is drawn again; the same for all statistics, so that they are paired."""
    rng = np.random.default_rng(0)
    weights = np.zeros((resamples, pairs))
    for block in blocks:
        weights[:, block] = rng.multinomial(len(block), np.full(len(block), 1 / len(block)), resamples) / pairs
    return weights


def _acceleration(statistic: Statistic, blocks: Blocks, pairs: int) -> Float[np.ndarray, " columns"]:
    """From the jackknife within each block (Davison and Hinkley 1997, eq. 5.23, in SciPy's form)."""
    top = bottom = 0.0
    for block in blocks:
        size, places = len(block), np.array(block)
        weights = np.full((size, pairs), 1 / pairs)
        weights[:, places] = size / (size - 1) / pairs
        weights[np.arange(size), places] = 0
        left_out = statistic(weights)
        influence = (size - 1) * (left_out.mean(axis=0) - left_out) / size
        top, bottom = top + (influence**3).sum(axis=0), bottom + (influence**2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(top / (6 * np.power(bottom, 1.5)))


def _interval(value: float, ordered: Float[np.ndarray, " draws"], acceleration: float) -> Estimate:
    """Of draws from the least to the greatest; NaN counts as the greatest."""
    least, greatest = ordered[[0, -1]]
    if not np.isfinite([least, greatest]).all() or greatest - least <= 1e-12 * abs(value):
        return Estimate(float(value))
    below, up_to = np.searchsorted(ordered, value), np.searchsorted(ordered, value, side="right")
    bias = ndtri((below + up_to) / 2 / len(ordered))
    tails = bias + ndtri([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    shares = np.nan_to_num(ndtr(bias + tails / (1 - acceleration * tails)), nan=0.5)
    low, high = np.interp(shares * (len(ordered) - 1), np.arange(len(ordered)), ordered)
    if not np.isfinite([bias, acceleration]).all():
        return Estimate(float(value))
    return Estimate(float(value), float(low), float(high))
