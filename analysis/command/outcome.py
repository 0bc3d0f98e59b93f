"""How a command ends: what the user can mend in one line and exit status 2, Ctrl-C and SIGTERM with a promise."""

import sys
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from whichway.analysis.command.interruption import interruptible

FAILED_CHECK, BAD_INPUT = 1, 2  # exit statuses


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
            warnings.showwarning = lambda message, *_: click.echo(f"Warning: {message}", err=True)
            with interruptible(say_what_is_kept) as interruption:
                try:
                    command(*args, **kwargs)
                except BaseException as error:
                    if interruption.number is not None or isinstance(error, KeyboardInterrupt):
                        say_what_is_kept()
                        sys.exit(interruption.exit_status)
                    from whichway.analysis.errors import UserError

                    if not isinstance(error, UserError):
                        raise
                    click.echo(f"Error: {error}", err=True)
                    sys.exit(BAD_INPUT)

        return run

    return decorate


def say(line: object) -> None:
    """One line of what is going on, beside the results."""
    click.echo(line, err=True)
