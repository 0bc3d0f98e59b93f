"""Interleaved repetitions and their medians: a machine that slows down slows every rival."""

import time
from collections.abc import Callable, Mapping
from statistics import median

Clock = Callable[[], float]


def seconds(action: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    """What ``action`` takes; by ``time.process_time``, what the processor spends on it, whoever else is using it."""
    started = clock()
    action()
    return clock() - started


def interleaved(
    actions: Mapping[str, Callable[[], object]], rounds: int, clock: Clock = time.perf_counter
) -> dict[str, float]:
    """The median seconds of each action over ``rounds``, in each of which every action runs once."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            times[name].append(seconds(action, clock))
    return {name: median(values) for name, values in times.items()}
