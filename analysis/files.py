"""Files that are whole or not there at all: every file that this package writes in one piece is written here."""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whichway.analysis.errors import writing


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to; it takes the name of ``path`` when the block ends without an exception.

    A kill never leaves half a file. The path is a different one for every writer, so that two processes that write the
    same file do not meet: the later one's content stays. Missing folders are made.

    Raises:
        UserError: ``path`` cannot be written.
    """
    aside = path.with_name(f".{path.stem}-{os.getpid()}-{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield aside
            aside.replace(path)
    finally:
        if aside.is_file():
            aside.unlink()


def write_text(path: Path, text: str) -> None:
    """``text`` in UTF-8."""
    with written_whole(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path: Path, content: dict | list) -> None:
    """Strict JSON: a NaN is an error here, not a surprise for the reader."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
