"""Parametrisations: at which t the frames of a path are taken.

Uniform in t, or at constant speed in W_2. The third, perceptually uniform, has to render
(:mod:`whichway.analysis.runs.perceptual_parametrisation`).
"""

from collections.abc import Sequence

import numpy as np

from whichway.geometry.distance import wasserstein
from whichway.geometry.ground import EUCLIDEAN, GroundMetric
from whichway.geometry.path import Path


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
        ValueError: fewer than 2 frames.
    """
    wanted = uniform_times(frames)
    dense = uniform_times(samples + 1)
    clouds = [path(t) for t in dense]
    steps = [wasserstein(clouds[k], clouds[k + 1], ground=ground) for k in range(samples)]
    return times_at(wanted, dense, steps)


def times_at(shares: Sequence[float], times: Sequence[float], steps: Sequence[float]) -> list[float]:
    """The t at which these shares of the length are reached, given the length of each step between ``times``.

    A path that does not move is at its shares at once: they are returned as they are.
    """
    length = np.concatenate([[0.0], np.cumsum(steps)])
    if length[-1] == 0:
        return list(shares)
    found = np.interp(np.asarray(shares) * length[-1], length, times)
    found[0], found[-1] = times[0], times[-1]
    return found.tolist()
