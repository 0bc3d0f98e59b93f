"""Two folders, compared byte by byte, but for what says when and how long."""

import json
import re
from collections.abc import Callable
from pathlib import Path

#: what a file says of the clock, and of the work that was left to do when it was written; all else has to be the same
CLOCK: dict[str, Callable[[bytes], bytes]] = {}


def _of_clock(name: str) -> Callable:
    def register(function: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
        CLOCK[name] = function
        return function

    return register


@_of_clock("study.json")
def _plan(content: bytes) -> bytes:
    return json.dumps(json.loads(content) | {"written": ""}).encode()


@_of_clock("records.jsonl")
def _records(content: bytes) -> bytes:
    records = [json.loads(line) | {"seconds": {}, "frames": 0} for line in content.splitlines()]
    return json.dumps(sorted(records, key=lambda record: (record["pair"], record["seed"]))).encode()


@_of_clock("report.html")
def _report(content: bytes) -> bytes:
    return re.sub(rb"It took [\d.]+ hours, -?\d+ %", b"", content)


@_of_clock("records.json")
def _invariance(content: bytes) -> bytes:
    return json.dumps([record | {"seconds": 0} for record in json.loads(content)]).encode()


@_of_clock("neighbours.json")
def _neighbours(content: bytes) -> bytes:
    whole = json.loads(content)
    for batch in whole["batches"].values():
        batch["solved"] = 0  # pairs that an earlier batch has solved in the same process are not solved again
    return json.dumps(whole, sort_keys=True).encode()


@_of_clock("seconds.json")
def _seconds(content: bytes) -> bytes:
    return b""


@_of_clock("inversion.json")
@_of_clock("latest")  # a folder of them, each called by its photograph's hash
def _inversion(content: bytes) -> bytes:
    return json.dumps(json.loads(content) | {"seconds": 0}).encode()


def files_of(folder: Path) -> dict[str, Path]:
    """Name within the folder → file; locks are none of what a run leaves behind."""
    return {
        str(path.relative_to(folder)): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }


def content_of(path: Path) -> bytes:
    """What counts of a file: all of it, or all but the clock's."""
    content = path.read_bytes()
    if path.suffix == ".safetensors":
        return _sorted_header(content)
    without_clock = CLOCK.get(path.name) or CLOCK.get(path.parent.name)
    try:
        return without_clock(content) if without_clock else content
    except (ValueError, KeyError, TypeError):
        return content


def difference(folder: Path, reference: Path) -> str:
    """In words, what ``folder`` has that ``reference`` has not, and the other way round; nothing if they are alike."""
    files, expected = files_of(folder), files_of(reference)
    if missing := sorted(set(expected) - set(files)):
        return f"missing: {', '.join(missing[:5])}"
    if extra := sorted(set(files) - set(expected)):
        return f"left behind: {', '.join(extra[:5])}"
    other = [name for name in files if content_of(files[name]) != content_of(expected[name])]
    return f"other bytes: {', '.join(other[:5])}" if other else ""


def finished_work(folder: Path) -> dict[str, tuple[int, int]]:
    """Frames that are done: name → the file's number and time. Whoever does one of them again has lost it."""
    return {
        name: (path.stat().st_ino, path.stat().st_mtime_ns)
        for name, path in files_of(folder).items()
        if path.parent.name == "frames" and not path.name.startswith(".")
    }


def finished_records(folder: Path) -> dict[str, bytes]:
    """Lines of records that are whole."""
    return {
        name: content[: content.rfind(b"\n") + 1]
        for name, path in files_of(folder).items()
        if path.suffix == ".jsonl" and (content := path.read_bytes()) is not None
    }


def _sorted_header(content: bytes) -> bytes:
    """safetensors writes the entries of its header in no particular order."""
    length = int.from_bytes(content[:8], "little")
    try:
        header = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True).encode()
    except ValueError:
        return content
    return header + content[8 + length :]
