"""One thread that works for the latest request only: a new one ends the old one at its next step."""

from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from threading import Event

Check = Callable[[], None]


class Background:
    """Runs work beside the notebook's own thread.

    Work is a function of ``check``, which it calls often and which raises :class:`CancelledError` when it should end.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="explorer")
        self._stop = Event()

    def start(self, work: Callable[[Check], None]) -> Future:
        """Cancel what runs, then run ``work``; a result of None also where it was cancelled."""
        self.cancel()
        self._stop = Event()
        return self._pool.submit(_until_cancelled, work, self._stop)

    def cancel(self) -> None:
        self._stop.set()

    def close(self) -> None:
        """Cancel, and let the thread end."""
        self.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)


def _until_cancelled(work: Callable[[Check], None], stop: Event) -> None:
    def check() -> None:
        if stop.is_set():
            raise CancelledError

    try:
        check()
        work(check)
    except CancelledError:
        pass
