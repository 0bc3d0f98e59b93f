"""The records of a study: one line of JSON for each finished (pair, seed), only ever appended to."""

import json
import os
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any

from whichway.analysis.errors import UserError, writing

FILE = "records.jsonl"


def append_records(out: Path, records: Iterable[dict[str, Any]]) -> None:
    """Each record as a line that is on the disk before the next one is begun.

    Raises:
        UserError: the file cannot be written.
    """
    path = out / FILE
    for record in records:
        with writing(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())


def read_records(out: Path, planned: Container[tuple[int, int]] | None = None) -> list[dict[str, Any]]:
    """The finished (pair, seed), sorted by them: several workers finish them in any order.

    A last line that a kill cut short is taken away, to be done again.

    Args:
        planned: every (pair, seed) of the study, where a record of another one is to be found out.

    Raises:
        UserError: any other line that is damaged, says what another one has said, or belongs to no pair of the study.
    """
    path = out / FILE
    if not path.is_file():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with writing(path), path.open("r+b") as file:
            file.truncate(len(whole))
    records: dict[tuple[int, int], dict[str, Any]] = {}
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _damaged(path, number) from error
        if not _is_record(record):
            raise _damaged(path, number)
        key = record["pair"], record["seed"]
        if key in records or (planned is not None and key not in planned):
            why = "stands there twice" if key in records else "is not of this study"
            raise UserError(f"line {number} of {str(path)!r}: pair {key[0]} with seed {key[1]} {why}; remove that line")
        records[key] = record
    return [records[key] for key in sorted(records)]


def _is_record(content: Any) -> bool:
    """Whether it says which pair and seed it is of, and what was measured."""
    if not isinstance(content, dict):
        return False
    numbers = all(type(content.get(name)) is int and content[name] >= 0 for name in ("pair", "seed"))
    measured = all(isinstance(content.get(name), dict) for name in ("distances", "methods"))
    return numbers and measured and all(isinstance(method, dict) for method in content["methods"].values())


def _damaged(path: Path, number: int) -> UserError:
    return UserError(f"line {number} of {str(path)!r} is damaged; remove that line, and its pair is done again")


def rounded(value: Any) -> Any:
    """All floats to seven significant digits: what float32 holds, in half the space."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return float(f"{value:.7g}") if isinstance(value, float) else value
