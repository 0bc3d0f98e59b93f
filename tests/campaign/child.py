"""A command in a process of its own, forked from this one, which has imported everything: no trial pays for imports.

The child is a process like any other: it has a session, a working directory, standard streams and signal handlers of
its own, and the kernel kills it. It must be forked before torch starts threads: OMP_NUM_THREADS=1.
"""

import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

from tqdm import tqdm

LIMIT = 180.0  # seconds, on a machine as busy as it likes
MOST_MEMORY = 6 * 2**30  # bytes of data that a command may take
OUTPUT, ERRORS = "stdout.txt", "stderr.txt"
tqdm.set_lock(RLock())  # its own is shared by all that are forked: one that is killed with it would stop the others


@dataclass(frozen=True)
class Ending:
    """How a command ended.

    Attributes:
        status: its exit status; the signal's number, negative, if one killed it.
        errors: what it wrote to standard error, the last state of progress bars only.
        timed_out: it was killed because it took too long.
    """

    status: int
    output: str
    errors: str
    seconds: float
    timed_out: bool

    @property
    def error_lines(self) -> list[str]:
        return [line for line in self.errors.splitlines() if line.strip()]


class Child:
    """A command that runs. Use it as a context, so that it never outlives its trial."""

    def __init__(
        self, arguments: Sequence[str], folder: Path, *, log: Path, prepare: Callable[[], object] = lambda: None
    ) -> None:
        """Start it in ``folder``, after a call of ``prepare`` in the child; its output goes to ``log``."""
        self.log = log
        log.mkdir(parents=True, exist_ok=True)
        self.started = time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _become_command(arguments, folder, log, prepare)
        self._status: int | None = None

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        if not self.has_ended():
            self.kill()
            self.wait()

    def has_ended(self) -> bool:
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status is not None

    def send(self, number: int) -> bool:
        """Whether it was still there to get the signal."""
        if self.has_ended():
            return False
        os.kill(self.pid, number)
        return True

    def kill(self) -> bool:
        return self.send(signal.SIGKILL)

    def catches(self, number: int) -> bool:
        """Whether it has a handler for the signal by now (Linux)."""
        try:
            lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        except OSError:
            return False
        caught = next((int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:")), 0)
        return bool(caught >> (number - 1) & 1)

    def wait_until(self, condition: Callable[[], bool], limit: float = LIMIT) -> bool:
        """Wait until ``condition`` holds or the command has ended; whether it holds."""
        end = time.monotonic() + limit
        while not condition():
            if self.has_ended() or time.monotonic() > end:
                return condition()
            time.sleep(0.005)
        return True

    def wait(self, limit: float = LIMIT) -> Ending:
        self.wait_until(self.has_ended, limit)
        timed_out = not self.has_ended()
        if timed_out:
            os.killpg(self.pid, signal.SIGKILL)
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        output, errors = (_read(self.log / name) for name in (OUTPUT, ERRORS))
        assert self._status is not None
        return Ending(self._status, output, errors, time.monotonic() - self.started, timed_out)


def run(
    arguments: Sequence[str],
    folder: Path,
    *,
    log: Path,
    prepare: Callable[[], object] = lambda: None,
    limit: float = LIMIT,
) -> Ending:
    """The command from start to end."""
    with Child(arguments, folder, log=log, prepare=prepare) as child:
        return child.wait(limit)


def _read(path: Path) -> str:
    """A line of a progress bar is overwritten many times; what remains is what its user sees."""
    if not path.exists():
        return ""  # it was killed before it had said anything
    text = path.read_bytes().decode("utf-8", errors="replace")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _become_command(
    arguments: Sequence[str], folder: Path, log: Path, prepare: Callable[[], object]
) -> None:  # never returns
    status = 1
    try:
        os.setsid()
        for number, name in ((1, OUTPUT), (2, ERRORS)):
            file = os.open(log / name, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
            os.dup2(file, number)
            os.close(file)
        os.chdir(folder)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        sys.argv = ["whichway", *arguments]
        prepare()
        from whichway.analysis.command.main import main

        main(list(arguments))
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)
