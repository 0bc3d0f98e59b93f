"""Numbers with their 95 % bootstrap intervals: what a study of some pairs says of all pairs."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import ConstantInputWarning, DegenerateDataWarning, bootstrap

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


def estimate_mean(values: Values) -> Estimate:
    """The mean over pairs, with the BCa interval."""
    return estimate(lambda x, axis=-1: np.mean(x, axis=axis), values)


def estimate(statistic: Callable, *samples: Values, vectorized: bool = True) -> Estimate:
    """A statistic of one sample or of two paired ones, with its interval: BCa, or percentile if not vectorized."""
    value = float(statistic(*samples))
    if len(samples[0]) < 5 or any(np.ptp(sample) == 0 for sample in samples):
        return Estimate(value, None, None)
    with warnings.catch_warnings():  # a sample of a few pairs may be all the same; what has no interval says so below
        for kind in (ConstantInputWarning, DegenerateDataWarning):
            warnings.simplefilter("ignore", kind)
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
