"""Which frames a film has: how many on each leg between two prompts, and when along it."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np

from whichway.analysis.errors import UserError


def steps_by_duration(at: Sequence[float], rate: Fraction) -> list[int]:
    """Steps from frame to frame on each leg, so that a prompt is seen within half a frame of its time.

    Args:
        at: times of the prompts, in seconds.
        rate: frames a second, as the film's format holds them.

    Raises:
        UserError: two prompts within one frame.
    """
    frames = [round((Fraction(time) - Fraction(at[0])) * rate) for time in at]
    for (before, first), (after, last) in pairwise(zip(at, frames, strict=True)):
        if first == last:
            raise UserError(f"at: {before:g} and {after:g} s fall into one frame at {float(rate):g} frames a second")
    return [last - first for first, last in pairwise(frames)]


def steps_by_length(total: int, lengths: Sequence[float]) -> list[int]:
    """``total`` steps shared among legs by their length, at least one for each: largest remainders.

    Raises:
        ValueError: fewer steps than legs.
    """
    if total < len(lengths):
        raise ValueError(f"total: wanted at least {len(lengths)} steps, one for each leg, got {total}")
    of_all = np.asarray(lengths, dtype=float)
    shares = (of_all / of_all.sum() if of_all.any() else np.full(len(of_all), 1 / len(of_all))) * (total - len(of_all))
    steps = np.floor(shares).astype(int)
    for leg in np.argsort(steps - shares, kind="stable")[: total - len(of_all) - steps.sum()]:
        steps[leg] += 1
    return [1 + int(more) for more in steps]


def eased(times: Sequence[float]) -> list[float]:
    """The same way in the same number of frames, slow out of its beginning and slow into its end.

    Frame k of T is where the given times are at the share s(k/T) of the frames, s(u) = 3u² − 2u³ (smoothstep).
    """
    shares = np.linspace(0, 1, len(times))
    return [round(float(t), 6) for t in np.interp(shares**2 * (3 - 2 * shares), shares, times)]


def positions(steps: Sequence[int], times_of_leg: Callable[[int, int], Sequence[float]]) -> list[float]:
    """Of all frames, from 0 to the number of legs; keyframes are whole numbers.

    Args:
        times_of_leg: number of a leg, number of its frames ↦ their times from 0 to 1.
    """
    frames = [0.0]
    for leg, count in enumerate(steps):
        frames += [leg + t for t in times_of_leg(leg, count + 1)[1:]]
    return frames
