"""Ctrl-C, and SIGTERM, as batch systems and ``kill`` send it: the command says in one line what is kept, and ends."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
AGAIN = 0.5  # seconds after which an exception is raised again that nobody deals with


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

    It may reach the outside as another exception, made of it by a library: ``number`` tells. Compiled code may lose it
    altogether (``numpy.random.Generator.choice`` one time in three), as Python does in a destructor, with a traceback:
    it is raised again until somebody deals with it, and its loss is not told. A second signal ends the process at once,
    for whoever does not want to wait until the first has been heeded; what was written stays whole.
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
        if alarm is not None:
            signal.setitimer(signal.ITIMER_REAL, AGAIN, AGAIN)
        raise KeyboardInterrupt

    def raise_again(number: int, frame: FrameType | None) -> None:
        if not _is_dealt_with(sys.exception()):
            raise KeyboardInterrupt

    def report_unless_interruption(lost: Any) -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            report_lost(lost)

    report_lost, sys.unraisablehook = sys.unraisablehook, report_unless_interruption
    alarm = getattr(signal, "SIGALRM", None)  # not on Windows
    handlers = dict.fromkeys(SIGNALS, heed) | ({} if alarm is None else {alarm: raise_again})
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield interruption
    finally:
        if alarm is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = report_lost
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_dealt_with(handled: BaseException | None) -> bool:
    """Whether the exception that an ``except`` or ``finally`` handles now is an interruption, or came of one."""
    while handled is not None and not isinstance(handled, KeyboardInterrupt):
        handled = handled.__context__
    return handled is not None
