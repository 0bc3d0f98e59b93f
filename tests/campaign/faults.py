"""What is done to a command from within: it dies at a file that it replaces, or half-way through one that it writes.

Nothing of the toolkit is patched. Python says of every file that is opened or renamed (``sys.addaudithook``), and the
kernel kills a process that writes beyond its largest file size, whichever library writes: Python, NumPy, Pillow or
safetensors' Rust.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

Event = dict[str, Any]


def trace(file: Path) -> Callable[[], None]:
    """Write a line of JSON to ``file`` for every file replaced: its name, its size, what the disk holds meanwhile."""

    def prepare() -> None:
        lines = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

        def hook(event: str, arguments: tuple) -> None:
            if event == "os.rename" and (size := _size(arguments[0])) is not None:
                disk = os.statvfs(Path(os.fsdecode(arguments[0])).parent)
                used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
                target = os.path.relpath(os.fsdecode(arguments[1]))
                os.write(lines, (json.dumps({"target": target, "size": size, "used": used}) + "\n").encode())

        sys.addaudithook(hook)

    return prepare


def read_trace(file: Path) -> list[Event]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def die_before_replacing(number: int) -> Callable[[], None]:
    """The file is written, beside the one that it would have replaced."""

    def prepare() -> None:
        count = 0

        def hook(event: str, arguments: tuple) -> None:
            nonlocal count
            if event == "os.rename" and _size(arguments[0]) is not None:
                if count == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                count += 1

        sys.addaudithook(hook)

    return prepare


def die_after_replacing(number: int) -> Callable[[], None]:
    """As soon as the file has its name: when the function that renamed it returns."""

    def prepare() -> None:
        count = 0

        def at_return(frame: FrameType, event: str, _: object) -> None:
            if event == "return" and frame.f_code is not hook.__code__:
                os.kill(os.getpid(), signal.SIGKILL)

        def hook(event: str, arguments: tuple) -> None:
            nonlocal count
            if event == "os.rename" and _size(arguments[0]) is not None:
                if count == number:
                    sys.setprofile(at_return)
                count += 1

        sys.addaudithook(hook)

    return prepare


def die_halfway_through(number: int, size: int) -> Callable[[], None]:
    """Of the file that is replaced next after ``number`` others, ``size`` bytes long: at the byte in its middle."""

    def prepare() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
        count = 0

        def arm() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, resource.RLIM_INFINITY))

        def hook(event: str, arguments: tuple) -> None:
            nonlocal count
            if event == "os.rename" and _size(arguments[0]) is not None:
                count += 1
                if count == number:
                    arm()

        sys.addaudithook(hook)
        if number == 0:
            arm()

    return prepare


def _size(path: Any) -> int | None:
    """Of a file; None for a folder, or what is not there."""
    file = Path(os.fsdecode(path))
    return file.stat().st_size if file.is_file() else None


def list_imports(file: Path) -> Callable[[], None]:
    """Write the name of every module that is imported to ``file``, a line each."""

    def prepare() -> None:
        lines = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

        def hook(event: str, arguments: tuple) -> None:
            if event == "import":
                os.write(lines, f"{arguments[0]}\n".encode())

        sys.addaudithook(hook)

    return prepare
