"""Progress bars that move with every sampling step: a batch of sixteen frames may take minutes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import time
from typing import TypeVar

from tqdm.auto import tqdm

FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {n:.1f}/{total} frames [{elapsed}<{remaining}]"


class FramesBar:
    """How many frames are done, in fractions; what is on disk counts whole."""

    def __init__(self, bar: tqdm) -> None:
        self._bar, self._finished = bar, 0

    def advance(self, frames: float) -> None:
        """By a sampling step of some frames; never past the end, since a batch that did not fit begins again."""
        self._bar.update(min(frames, self._bar.total - self._bar.n))

    def finish_frame(self) -> None:
        """One more is on disk."""
        self._finished += 1
        self._bar.update(max(0.0, self._finished - self._bar.n))
        if self._finished == self._bar.total:
            self._bar.n = self._finished  # fractions do not quite add up


@contextmanager
def frames_bar(total: int, *, hidden: bool = False) -> Iterator[FramesBar]:
    with tqdm(total=total, desc="frames", bar_format=FORMAT, disable=hidden) as bar:
        yield FramesBar(bar)


Unit = TypeVar("Unit")


class UnitsBar:
    """How many units (pairs of prompts) are done, and behind the bar how many frames of the present one."""

    def __init__(self, bar: tqdm) -> None:
        self._bar, self._frames = bar, 0.0

    def advance(self, frames: float) -> None:
        self._frames += frames
        if self._bar.disable or time() - self._bar.last_print_t < self._bar.mininterval:
            return
        self._bar.set_postfix_str(f"{self._frames:.1f} frames of the next")

    def finished(self, units: Iterable[Unit]) -> Iterator[Unit]:
        """The units, each counted when it is there."""
        for unit in units:
            self._frames = 0.0
            self._bar.set_postfix_str("", refresh=False)
            self._bar.update()
            yield unit


@contextmanager
def units_bar(description: str, unit: str, *, total: int, done: int, hidden: bool) -> Iterator[UnitsBar]:
    with tqdm(total=total, initial=done, desc=description, unit=unit, disable=hidden) as bar:
        yield UnitsBar(bar)
