"""How a command speaks and ends: in lines that no progress bar stands in, in one line where something is wrong."""

import atexit
import os
import re
import sys
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from whichway.analysis.command.interruption import interruptible

FAILED_CHECK, BAD_INPUT = 1, 2  # exit statuses
OBEYED = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")


def ends_in_one_line(kept: str) -> Callable[[Callable], Callable]:
    """Decorate a command, outside all its options: a UserError is one line, and so are Ctrl-C and SIGTERM.

    Args:
        kept: what is said after Ctrl-C: what is not lost.
    """

    def say_what_is_kept() -> None:
        click.echo(f"\nInterrupted. {kept}", err=True)

    def decorate(command: Callable) -> Callable:
        @wraps(command)
        def run(*args: Any, **kwargs: Any) -> None:
            warnings.showwarning = lambda message, *_: say(f"Warning: {message}")
            with interruptible(say_what_is_kept) as interruption:
                try:
                    command(*args, **kwargs)
                except BaseException as error:
                    if interruption.number is not None or isinstance(error, KeyboardInterrupt):
                        say_what_is_kept()
                        if interruption.number is not None:
                            _leave_as_it_is(interruption.exit_status)
                        sys.exit(interruption.exit_status)
                    from whichway.analysis.errors import UserError

                    if not isinstance(error, UserError):
                        raise
                    _leave_bars()
                    say(f"Error: {error}")
                    sys.exit(BAD_INPUT)

        return run

    return decorate


def _leave_as_it_is(status: int) -> None:
    """End the process without taking apart what a signal has interrupted: compiled code may not survive it.

    Numba's compiler did not, one time in a hundred.
    """
    atexit._run_exitfuncs()  # such as multiprocessing's, that would miss its locks
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def say(line: object) -> None:
    """One line of what is going on, beside the results: in the place of the progress bars, which follow it."""
    from tqdm import tqdm  # here: nothing that only prints help needs it

    with tqdm.external_write_mode(file=sys.stderr):
        click.echo(in_one_line(str(line)), err=True)


def _leave_bars() -> None:
    """The bars of work that has failed stay as they are, and what follows begins a line of its own."""
    from tqdm import tqdm

    for bar in list(getattr(tqdm, "_instances", ())):
        bar.close()


def in_one_line(text: str) -> str:
    """The text with what a terminal would obey (escape characters, ends of lines, turns of direction) made visible."""
    return OBEYED.sub(lambda match: match.group().encode("unicode_escape").decode(), text)
