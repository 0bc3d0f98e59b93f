"""What a user can get wrong, said in one line. The command turns it into exit status 2 without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class UserError(ValueError):
    """Names what was wrong and what would be right."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say which path could not be written (no permission, a full disk, a file where a folder should be)."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write {str(path)!r}: {error.strerror or error}; what was finished is kept") from error
