"""Files of prompts, one a line."""

import codecs
from pathlib import Path

from whichway.analysis.errors import UserError

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
LARGEST = 2**26  # bytes of a file: 64 MiB, a million prompts of usual length
LONGEST = 10_000  # characters of a prompt: no text encoder reads more than a few hundred words


def read_text(path: Path) -> str:
    """A file's text, its line ends made \\n, without a byte-order mark.

    Raises:
        UserError: the file cannot be read, is larger than :data:`LARGEST`, is not UTF-8, or is no text.
    """
    try:
        if path.is_file() and path.stat().st_size > LARGEST:
            raise UserError(f"{str(path)!r} is larger than {LARGEST // 2**20} MiB; wanted a file of prompts")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        encoding = "UTF-16" if path.read_bytes()[:2] in UTF_16 else "not UTF-8"
        raise UserError(f"{str(path)!r} is {encoding} (byte {error.start}); save it as UTF-8") from error
    if "\0" in text:
        raise UserError(f"{str(path)!r} is no text: it has a zero byte; save it as UTF-8")
    return text


def read_prompts(path: Path) -> tuple[str, ...]:
    """One prompt a line, empty lines, repetitions and spaces around a prompt left out.

    A line ends where an editor ends it (\\n, \\r\\n, \\r): Python's ``splitlines`` would also cut a prompt in two at a
    vertical tab or a Unicode line separator. A byte-order mark is no part of the first prompt.

    Raises:
        UserError: what :func:`read_text` refuses, or a line that is no prompt.
    """
    lines = read_text(path).split("\n")  # text mode has made \r\n and \r into \n
    for number, line in enumerate(lines, start=1):
        if len(line) > LONGEST:
            raise UserError(
                f"line {number} of {str(path)!r} has {len(line):,} characters; wanted one prompt a line, of "
                f"{LONGEST:,} characters at most"
            )
    return tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
