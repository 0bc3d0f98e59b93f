"""Parametrisations: at which t the frames of a path are taken.

Uniform in t, at constant speed in W_2, or by a Beta prior. The fourth, perceptually uniform, has to render
(:mod:`whichway.analysis.runs.perceptual_parametrisation`).
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import beta as beta_distribution

from whichway.geometry.ground import EUCLIDEAN, GroundMetric
from whichway.geometry.length import step_lengths
from whichway.geometry.path import W2, Path


def uniform_times(frames: int) -> list[float]:
    """0, 1/T, …, 1 with T = frames − 1.

    Raises:
        ValueError: fewer than 2 frames.
    """
    if frames < 2:
        raise ValueError(f"frames: wanted at least 2, got {frames}")
    return np.linspace(0, 1, frames).tolist()


def constant_speed_times(
    path: Path, frames: int, *, ground: GroundMetric = EUCLIDEAN, samples: int = 32
) -> list[float]:
    """Times at which consecutive clouds are equally far apart in W_2 along the path.

    Args:
        samples: W_2 is measured between this many + 1 equidistant t, and taken as linear in between.

    Raises:
        ValueError: fewer than 2 frames, or a path that has no length in W_2.
    """
    shares = uniform_times(frames)
    if path.length_in != W2:
        where = "" if path.length_in is None else f"; it has one in {path.length_in}"
        raise ValueError(
            "constant speed in W_2: on this path mass goes over from row to row, so that W_2 between its clouds grows "
            f"like the square root of time, and it has no length in W_2{where}"
        )
    dense = uniform_times(samples + 1)
    return times_at(shares, dense, step_lengths(path, dense, ground=ground))


def beta_times(frames: int, alpha: float, beta: float) -> list[float]:
    """The quantiles k/T, T = frames − 1, of the Beta distribution with density ∝ t^(α−1) (1−t)^(β−1).

    For α = β > 1 denser around the middle of the path than at its ends, where images hardly change; for α = β = 1
    uniform. AID's choice of t, with α = β = the number of denoising steps before any search. (He et al. 2024,
    arXiv:2403.17924)

    Raises:
        ValueError: fewer than 2 frames, or an α or β that is not positive.
    """
    if not (alpha > 0 and beta > 0):
        raise ValueError(f"alpha, beta: wanted positive numbers, got {alpha} and {beta}")
    times: np.ndarray = beta_distribution.ppf(uniform_times(frames), alpha, beta)
    return times.tolist()


def times_at(shares: Sequence[float], times: Sequence[float], steps: Sequence[float]) -> list[float]:
    """The t at which these shares of the length are reached, given the length of each step between ``times``.

    A path that does not move is at its shares at once: they are returned as they are.
    """
    length = np.concatenate([[0.0], np.cumsum(steps)])
    if length[-1] == 0:
        return list(shares)
    inverted = np.interp(np.asarray(shares) * length[-1], length, times)
    inverted[0], inverted[-1] = times[0], times[-1]
    return inverted.tolist()
