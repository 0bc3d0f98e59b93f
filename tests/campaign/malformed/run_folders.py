"""Folders of finished runs any of whose files is damaged: it is made again, or it is said what is to be done."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from shutil import copytree

from tests.campaign.commands import COMMANDS, Command, Workplace
from tests.campaign.malformed.case import EITHER, HEALED, REFUSED, Case
from tests.campaign.malformed.damage import damaged, damages_of
from tests.campaign.trial import CLEAR, Trial

READ = ("compare", "animate", "map", "barycenter", "distances", "study")
#: what a run reads again; figures and tables are made from these, and are simply written again
SOURCES = {".json", ".jsonl", ".npy", ".safetensors"}
RECORDS = {"manifest.json", "study.json", "records.jsonl"}  # of a study, what other commands read


def trials(workplace: Workplace) -> Iterator[Trial]:
    for name in READ:
        command = COMMANDS[name]
        for file in _sources(workplace.reference(name)):
            for what, damage in damages_of(Path(file)).items():
                spoil = partial(_finished_then, workplace, command, file, damage)
                case = Case(f"{name}, {file}: {what}", command, workplace.arguments(command), spoil, HEALED)
                yield Trial("malformed: folders of runs", case.name, CLEAR, partial(case.judge, workplace))
    robustness = COMMANDS["robustness"]
    for file in sorted(RECORDS):
        for what, damage in damages_of(Path(file)).items():
            spoil = partial(_in_first_study, file, damage)
            expected = _of_reader(file, what)
            case = Case(f"robustness, {file}: {what}", robustness, robustness.arguments, spoil, expected)
            yield Trial("malformed: folders of runs", case.name, CLEAR, partial(case.judge, workplace))
    redo = COMMANDS["redo"]
    for what, damage in damages_of(Path("frame.png")).items():
        case = Case(f"redo: {what}", redo, redo.arguments, partial(_frame, damage), REFUSED)
        yield Trial("malformed: folders of runs", case.name, CLEAR, partial(case.judge, workplace))


def _of_reader(file: str, what: str) -> str:
    if file == "study.json":
        return EITHER  # older studies have none
    if (file, what) == ("records.jsonl", "cut in half"):
        return EITHER  # a study that is not finished: compared as far as it goes, with a warning
    return REFUSED


def _sources(reference: Path) -> list[str]:
    """The files that are read again, and of the frames one."""
    inside = [path for path in sorted(reference.rglob("*")) if path.is_file() and path.suffix in SOURCES]
    frames = sorted(reference.rglob("frames/*.png"))[:1]
    return [str(path.relative_to(reference)) for path in (*inside, *frames)]


def _finished_then(workplace: Workplace, command: Command, file: str, damage: Callable, folder: Path) -> None:
    copytree(workplace.reference(command.name), folder, dirs_exist_ok=True)
    damaged(folder / file, damage)


def _in_first_study(file: str, damage: Callable, folder: Path) -> None:
    damaged(folder / "first" / file, damage)


def _frame(damage: Callable, folder: Path) -> None:
    damaged(folder / "frame.png", damage)
