"""How a command ends: what the user can mend in one line and exit status 2, Ctrl-C with a promise."""

import sys
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

FAILED_CHECK, BAD_INPUT, INTERRUPTED = 1, 2, 130  # exit statuses


def ends_in_one_line(kept: str) -> Callable[[Callable], Callable]:
    """Decorate a command, outside all its options: a UserError is one line, and so is Ctrl-C.

    Args:
        kept: what is said after Ctrl-C: what is not lost.
    """

    def decorate(command: Callable) -> Callable:
        @wraps(command)
        def run(*args: Any, **kwargs: Any) -> None:
            warnings.showwarning = lambda message, *_: click.echo(f"Warning: {message}", err=True)
            try:
                command(*args, **kwargs)
            except KeyboardInterrupt:
                click.echo(f"\nInterrupted. {kept}", err=True)
                sys.exit(INTERRUPTED)
            except Exception as error:
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
