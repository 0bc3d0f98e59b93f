"""Files of prompts, one a line."""

from pathlib import Path

from whichway.analysis.errors import UserError


def read_prompts(path: Path) -> tuple[str, ...]:
    """One prompt a line, empty lines, repetitions and spaces around a prompt left out.

    A line ends where an editor ends it (\\n, \\r\\n, \\r): Python's ``splitlines`` would also cut a prompt in two at a
    vertical tab or a Unicode line separator. A byte-order mark is no part of the first prompt.

    Raises:
        UserError: the file cannot be read, or is not UTF-8.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # text mode has made \r\n and \r into \n
    except OSError as error:
        raise UserError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{str(path)!r} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    return tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
