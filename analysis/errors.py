"""What a user can get wrong, in one line. The command turns it into exit status 2 without a traceback."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

MOST_FRAMES = 100_000  # along one path: an hour of film
MOST_PAIRS = 100_000  # of a stratum
MOST_ITERATIONS = 1_000_000  # of a search by gradients: weeks


class UserError(ValueError):
    """Names what was wrong and what would be right."""


class NoPathError(UserError):
    """A method found no path between two texts, since its solver did not converge; others may.

    Attributes:
        method: as the user called it.
    """

    method = ""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say which path could not be written (no permission, a full disk, a file where a folder should be)."""
    from safetensors import SafetensorError  # which it raises where others raise an OSError

    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot write {str(path)!r}: {reason}; what was finished is kept") from error


def require_known(setting: str, value: object, known: Iterable[str]) -> None:
    """Raise a :class:`UserError` that names the known values, unless ``value`` is one of them."""
    choices = tuple(known)
    if value not in choices:
        raise UserError(f"{setting}: unknown {shortened(value)}; known: {', '.join(choices)}")


def require_at_least(setting: str, value: int, least: int) -> None:
    """Raise a :class:`UserError` unless ``value`` is an integer from ``least`` to 2^63 − 1."""
    if not least <= value < 2**63:
        raise UserError(f"{setting}: wanted at least {least} (and below 2^63), got {value}")


def require_between(setting: str, value: int, least: int, most: int) -> None:
    """Raise a :class:`UserError` unless ``value`` is an integer from ``least`` to ``most``."""
    if not least <= value <= most:
        raise UserError(f"{setting}: wanted {least:,} to {most:,}, got {shortened(value)}")


def shortened(value: object, longest: int = 80) -> str:
    """A value as it is quoted in a message: in quotes where it is a text, its middle left out where it is long."""
    text = repr(value)
    return text if len(text) <= longest else f"{text[: longest - 20]} … {text[-15:]}"


def require_finite(setting: str, value: float, least: float) -> None:
    """Raise a :class:`UserError` unless ``value`` is a finite number of at least ``least``."""
    if not (math.isfinite(value) and value >= least):
        raise UserError(f"{setting}: wanted a finite number of at least {least:g}, got {value}")
