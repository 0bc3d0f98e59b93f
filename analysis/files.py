"""Files that are whole or not there at all: every file that this package writes in one piece is written here."""

import json
import os
import re
import socket
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path

from whichway.analysis.errors import writing


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to; it takes the name of ``path`` when the block ends without an exception.

    A kill never leaves half a file. The path is a different one for every writer, so that two processes that write the
    same file do not meet: the later one's content stays. What a killed writer left in the folder is cleared away when
    the next process writes there. Missing folders are made.

    Raises:
        UserError: ``path`` cannot be written.
    """
    aside = path.with_name(f".{path.stem}-{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _clear_once(path.parent.resolve())
            yield aside
            aside.replace(path)
    finally:
        if aside.is_file():  # on a disk that can only be read, the attempt alone is an error
            aside.unlink()


def is_aside(path: Path) -> bool:
    """Whether this is a file that :func:`written_whole` writes to, of any process: not finished, or never to be."""
    return _ASIDE.search(path.name) is not None


_ASIDE = re.compile(r"^\..*-([0-9a-f]{8})-([0-9]+)-[0-9a-f]{8}(\.[^.]*)?$")  # machine, process


@cache
def _machine() -> str:
    """Where a process number means something."""
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


@lru_cache(maxsize=1024)
def _clear_once(folder: Path) -> None:
    """Remove what processes of this machine that are no more have left; once a process, since folders may be large."""
    for path in folder.iterdir():
        match = _ASIDE.search(path.name)
        if match and match[1] == _machine() and not _runs(int(match[2])):
            path.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    import psutil

    running: bool = psutil.pid_exists(process)
    return running


def write_text(path: Path, text: str) -> None:
    """``text`` in UTF-8."""
    with written_whole(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path: Path, content: dict | list) -> None:
    """Strict JSON: a NaN is an error here, not a surprise for the reader."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
