"""When to take the frames of a path so that consecutive ones look equally far apart."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt8

from whichway.geometry.parametrisation import times_at, uniform_times

BUDGET = 4  # times as many frames as are shown may be rendered to find them

Images = UInt8[np.ndarray, "frames height width 3"]


def perceptually_uniform_times(
    images: Callable[[list[float]], Images],
    distance: Callable[[Images, Images], Float[np.ndarray, " steps"]],
    frames: int,
    *,
    tolerance: float = 0.1,
    budget: int | None = None,
) -> list[float]:
    """Times 0 = t_0 < … < t_T = 1 at which the perceptual steps are equal: render, measure, refine where it jumps.

    The cumulative perceptual length over all frames seen so far is inverted at equal shares; the frames found there are
    rendered, and refine it for the next round.

    Args:
        images: t ↦ frames, rendered by the caller (who may keep them).
        distance: perceptual distance of pairs of frames.
        frames: how many times are wanted.
        tolerance: done when the largest step is within this share of the mean step.
        budget: at most so many different frames are rendered; :data:`BUDGET` times ``frames`` unless given.

    Raises:
        ValueError: fewer than 2 frames, or a budget below ``frames``.
    """
    times = uniform_times(frames)
    budget = BUDGET * frames if budget is None else budget
    if budget < frames:
        raise ValueError(f"budget: wanted at least the {frames} frames asked for, got {budget}")
    seen = dict(zip(times, images(times), strict=True))
    best, best_unevenness = times, _unevenness(seen, times, distance)
    while best_unevenness > tolerance:
        seen_times = sorted(seen)
        steps = _steps(seen, seen_times, distance).tolist()
        chosen = [round(t, 6) for t in times_at(uniform_times(frames), seen_times, steps)]
        new = [t for t in dict.fromkeys(chosen) if t not in seen]
        if not new or len(seen) + len(new) > budget or len(set(chosen)) < frames:
            return best
        seen |= dict(zip(new, images(new), strict=True))
        unevenness = _unevenness(seen, chosen, distance)
        if unevenness < best_unevenness:
            best, best_unevenness = chosen, unevenness
    return best


def _steps(seen: dict[float, np.ndarray], times: list[float], distance: Callable) -> Float[np.ndarray, " steps"]:
    frames = np.stack([seen[t] for t in times])
    return distance(frames[:-1], frames[1:])


def _unevenness(seen: dict[float, np.ndarray], times: list[float], distance: Callable) -> float:
    """By how much the largest step exceeds the mean step, as a share of it; 0 for a path that does not move."""
    steps = _steps(seen, times, distance)
    return float(steps.max() / steps.mean() - 1) if steps.any() else 0.0
