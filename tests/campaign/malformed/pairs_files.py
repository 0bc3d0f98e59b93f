"""CSV files of pairs, and the captions that they may point to."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.campaign.commands import COMMANDS, PAIRS, Workplace
from tests.campaign.malformed.case import EITHER, FINE, REFUSED, Case
from tests.campaign.trial import CLEAR, Trial

HEADER = "prompt_a,prompt_b,score\n"
ROW = "a fox,a panda,1\n"

CONTENTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", REFUSED),
    "a header alone": (HEADER.encode(), REFUSED),
    "no header": (ROW.encode() * 3, REFUSED),
    "one column": (b"prompt_a\na fox\na panda\n", REFUSED),
    "other columns": (b"first,second\na fox,a panda\n", REFUSED),
    "a comma without quotes": (f"{HEADER}a fox, red,a panda,1\n".encode(), REFUSED),
    "an open quote": (f'{HEADER}"a fox,a panda,1\n{ROW}'.encode(), REFUSED),
    "a score that is a word": (f"{HEADER}a fox,a panda,much\n".encode(), REFUSED),
    "a score that is not a number": (f"{HEADER}a fox,a panda,nan\n".encode(), REFUSED),
    "an infinite score": (f"{HEADER}a fox,a panda,inf\n".encode(), REFUSED),
    "a score out of range": (f"{HEADER}a fox,a panda,17\n".encode(), REFUSED),
    "empty prompts": (f"{HEADER},,1\n".encode(), REFUSED),
    "commas alone": (b",,,\n,,,\n", REFUSED),
    "semicolons": (PAIRS.replace(",", ";").encode(), REFUSED),
    "not UTF-8": (PAIRS.encode() + b"\xff\xfe,\x80,1\n", REFUSED),
    "UTF-16": (PAIRS.encode("utf-16"), EITHER),
    "zero bytes": (PAIRS.replace("fox", "f\x00x").encode(), REFUSED),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), REFUSED),
    "a field of ten megabytes": (f"{HEADER}{'a fox ' * 1_700_000},a panda,1\n".encode(), REFUSED),
    "the same prompt twice": (f"{HEADER}a fox,a fox,5\n".encode(), EITHER),
    "the same column twice": (b"prompt_a,prompt_b,prompt_b\na fox,a panda,a car\n", REFUSED),
    "a byte-order mark": (PAIRS.encode("utf-8-sig"), FINE),
    "spaces in the header": (PAIRS.replace("prompt_a,prompt_b", "prompt_a , prompt_b").encode(), FINE),
}
CAPTIONS: dict[str, bytes] = {
    "emptied": b"",
    "null": b"null",
    "a list": b"[]",
    "no entries": b"{}",
    "images that are none": b'{"images": 3, "annotations": null}',
    "not UTF-8": b"\xff\xfe{}",
}


def trials(workplace: Workplace) -> Iterator[Trial]:
    study = COMMANDS["study"]
    arguments = (*workplace.arguments(study), "--strict")
    for what, (content, expected) in CONTENTS.items():
        quick = (*arguments, "--dry-run") if expected != REFUSED else arguments
        yield _trial(workplace, Case(what, study, quick, partial(_written, "pairs.csv", content), expected))
    for what, content in CAPTIONS.items():
        of_captions = (*arguments, "--captions", "captions.json")
        yield _trial(workplace, Case(f"captions: {what}", study, of_captions, partial(_captions, content)))
    yield _trial(workplace, Case("not there", study, arguments, lambda folder: (folder / "pairs.csv").unlink()))
    yield _trial(workplace, Case("a folder", study, ("study", "--pairs", ".", *arguments[3:])))


def _trial(workplace: Workplace, case: Case) -> Trial:
    return Trial("malformed: files of pairs", case.name, CLEAR, partial(case.judge, workplace))


def _written(name: str, content: bytes, folder: Path) -> None:
    (folder / name).write_bytes(content)


def _captions(content: bytes, folder: Path) -> None:
    (folder / "captions.json").write_bytes(content)
    (folder / "pairs.csv").write_text("caption1,caption2,agg_score\nc:1,c:2,3\n", encoding="utf-8")
