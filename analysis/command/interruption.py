"""Ctrl-C, and SIGTERM, as batch systems and ``kill`` send it: the command says in one line what is kept, and ends."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Which signal has come, if any.

    Attributes:
        number: the signal's; None while none has come.
    """

    number: int | None = None

    @property
    def exit_status(self) -> int:
        """As shells have it: 130 for SIGINT, 143 for SIGTERM."""
        return 128 + (self.number or signal.SIGINT)


@contextmanager
def interruptible(say_what_is_kept: Callable[[], object]) -> Iterator[Interruption]:
    """Within the context, the first signal raises a KeyboardInterrupt, wherever the command is.

    It may reach the outside as another exception, made of it by a library: ``number`` tells. A second signal ends the
    process at once, for whoever does not want to wait until the first has been heeded; what was written stays whole.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():  # no other gets signals
        yield interruption
        return

    def heed(number: int, frame: FrameType | None) -> None:
        if interruption.number is not None:
            say_what_is_kept()
            os._exit(interruption.exit_status)
        interruption.number = number
        raise KeyboardInterrupt

    before = {number: signal.signal(number, heed) for number in SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
