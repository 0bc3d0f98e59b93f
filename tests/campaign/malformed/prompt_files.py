"""Files of prompts, one a line."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.campaign.commands import COMMANDS, PROMPTS, Workplace
from tests.campaign.malformed.case import EITHER, FINE, REFUSED, Case
from tests.campaign.trial import CLEAR, Trial

TEXT = "\n".join(PROMPTS)
LONG = "a fox " * 1_700_000  # ten megabytes

CONTENTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", REFUSED),
    "blank lines": (b"\n\n  \n\t\n", REFUSED),
    "one prompt": (b"a fox\n", REFUSED),
    "one prompt, many times": (b"a fox\n" * 50, REFUSED),
    "not UTF-8": (TEXT.encode() + b"\xff\xfe", REFUSED),
    "Latin-1": (f"{TEXT}\nein Bär".encode("latin-1"), REFUSED),
    "UTF-16": (TEXT.encode("utf-16"), EITHER),
    "UTF-16 without a mark": (TEXT.encode("utf-16-le"), REFUSED),
    "zero bytes": (TEXT.replace("fox", "f\x00x").encode(), REFUSED),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), REFUSED),
    "a prompt of ten megabytes": (f"{TEXT}\n{LONG}".encode(), EITHER),
    "escape characters": (f"{TEXT}\n\x1b[31mred\x1b[0m".encode(), EITHER),
    "a byte-order mark": (TEXT.encode("utf-8-sig"), FINE),
    "line ends of Windows": (TEXT.replace("\n", "\r\n").encode(), FINE),
    "line ends of old": (TEXT.replace("\n", "\r").encode(), FINE),
    "no end of the last line": (TEXT.encode(), FINE),
    "emoji and Chinese": (f"{TEXT}\n🦊 狐狸".encode(), FINE),
    "markup": (f"{TEXT}\n[/red] <b>$x_1$ \\alpha".encode(), FINE),
    "line separators of Unicode": (f"{TEXT}\nx\u2028y\x0bz".encode(), FINE),
}
READERS: dict[str, Callable[[Workplace], tuple[str, ...]]] = {
    name: partial(Workplace.arguments, command=COMMANDS[name]) for name in ("distances", "map")
}


def trials(workplace: Workplace) -> Iterator[Trial]:
    for name, arguments in READERS.items():
        for what, (content, expected) in CONTENTS.items():
            case = Case(what, COMMANDS[name], arguments(workplace), partial(_written, content), expected)
            yield _trial(workplace, case)
        yield _trial(workplace, Case("a folder", COMMANDS[name], arguments(workplace), _folder))
        yield _trial(workplace, Case("not there", COMMANDS[name], arguments(workplace), _missing))


def _trial(workplace: Workplace, case: Case) -> Trial:
    judge = partial(case.judge, workplace)
    return Trial("malformed: files of prompts", f"{case.command.name}: {case.name}", CLEAR, judge)


def _written(content: bytes, folder: Path) -> None:
    (folder / "prompts.txt").write_bytes(content)


def _folder(folder: Path) -> None:
    (folder / "prompts.txt").unlink()
    (folder / "prompts.txt").mkdir()


def _missing(folder: Path) -> None:
    (folder / "prompts.txt").unlink()
