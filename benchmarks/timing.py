"""Interleaved repetitions and their medians: a machine that slows down slows every rival."""

import time
from collections.abc import Callable, Mapping
from statistics import median


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def interleaved(actions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median seconds of each action over ``rounds``, in each of which every action runs once."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            times[name].append(seconds(action))
    return {name: median(values) for name, values in times.items()}
