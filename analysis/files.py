"""Files that are whole or not there at all: every file that this package writes in one piece is written here.

And read back here: what a file holds is looked at before anything relies on it.
"""

import json
import os
import re
import socket
import uuid
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whichway.analysis.errors import UserError, writing

if TYPE_CHECKING:
    from torch import Tensor


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A path beside ``path``, of this writer's own, that is gone afterwards."""
    aside = path.with_name(f".{path.stem}-{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _clear_once(path.parent.resolve())
            yield aside
    finally:
        if aside.is_file():  # on a disk that can only be read, the attempt alone is an error
            aside.unlink()


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to; it takes the name of ``path`` when the block ends without an exception.

    A kill never leaves half a file. The path is a different one for every writer, so that two processes that write the
    same file do not meet: the later one's content stays. What a killed writer left in the folder is cleared away when
    the next process writes there. Missing folders are made.

    Raises:
        UserError: ``path`` cannot be written.
    """
    with written_aside(path) as aside:
        yield aside
        aside.replace(path)


def require_writable(path: Path) -> None:
    """Complain before the work that makes the file, not after it. Missing folders are made.

    Raises:
        UserError: nothing can be written there.
    """
    if path.is_dir():
        raise UserError(f"cannot write {str(path)!r}: it is a folder; wanted the name of a file")
    with written_aside(path) as aside:
        aside.touch()


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


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not UTF-8, no JSON, or JSON of something else than an object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError(f"{str(path)!r} is nested too deeply") from error
    if not isinstance(content, dict):
        raise ValueError(f"{str(path)!r} holds a {type(content).__name__}; wanted an object")
    return content


def write_safetensors(path: Path, tensors: "Mapping[str, Tensor]", metadata: Mapping[str, str]) -> None:
    """Tensors with metadata, the same bytes every time: the library writes the metadata in an order by chance."""
    from safetensors.torch import save

    content = save(dict(tensors), dict(metadata))
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    ordered = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    ordered += b" " * (-len(ordered) % 8)  # the data begin at a multiple of eight bytes
    with written_whole(path) as aside:
        aside.write_bytes(len(ordered).to_bytes(8, "little") + ordered + content[8 + length :])
