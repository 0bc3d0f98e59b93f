"""Two processes that would do the same work in the same place: the second is refused in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from whichway.analysis.errors import UserError, writing


@contextmanager
def locked(lock: Path, work: str) -> Iterator[None]:
    """Within the context, no other process is in one with the same ``lock``; the system lets go of it after a kill.

    Args:
        work: what the other process works on, in words.

    Raises:
        UserError: another process is in such a context, or the lock cannot be written.
    """
    held = FileLock(lock)
    with writing(lock.parent):
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            held.acquire(timeout=0)
        except Timeout as error:  # an OSError too
            raise UserError(f"another process works on {work}; wait for it, or stop it") from error
    try:
        yield
    finally:
        held.release()
