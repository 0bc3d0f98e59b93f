"""Model folders any of whose files is damaged, and single files that are no model."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from shutil import copytree

from tests.campaign.commands import COMMANDS, PROMPTS, Workplace
from tests.campaign.malformed.case import EITHER, REFUSED, Case
from tests.campaign.malformed.damage import damaged, damages_of
from tests.campaign.trial import CLEAR, Trial

FAMILY = "malformed: models"
#: what the loader has defaults for, or does without: right or refused, but no traceback
FORGIVING = {
    ("scheduler/scheduler_config.json", "no entries"),
    ("tokenizer/tokenizer_config.json", "no entries"),
    ("tokenizer/tokenizer_config.json", "removed"),
    ("tokenizer/tokenizer_config.json", "values null"),
}
FILES: dict[str, tuple[str, bytes]] = {
    "an empty .safetensors": ("model.safetensors", b""),
    "a .safetensors of noise": ("model.safetensors", bytes(range(256)) * 64),
    "a .safetensors without tensors": ("model.safetensors", (2).to_bytes(8, "little") + b"{}"),
    "a .ckpt": ("model.ckpt", b"\x80\x02}q\x00."),
    "a .bin": ("model.bin", b"\x80\x02}q\x00."),
    "a text file": ("model.txt", b"stable diffusion"),
}
ADAPTERS = ("--lora", "--embedding")


def trials(workplace: Workplace) -> Iterator[Trial]:
    for file in sorted(path for path in workplace.model.rglob("*") if path.is_file()):
        name = str(file.relative_to(workplace.model))
        for what, damage in damages_of(file).items():
            expected = EITHER if (name, what) in FORGIVING else REFUSED
            spoil = partial(_spoilt, workplace, name, damage)
            yield _trial(workplace, f"{name}: {what}", "model", spoil, expected=expected)
    for what, (name, content) in FILES.items():
        yield _trial(workplace, what, name, partial(_file, name, content))
    yield _trial(workplace, "an empty folder", "model", lambda folder: (folder / "model").mkdir())
    yield _trial(workplace, "a folder with other files", ".")
    yield _trial(workplace, "a folder that is not there", "no/such/folder")
    yield _trial(workplace, "a name with markup", "[/red] nothing [bold]")
    yield _trial(workplace, "a name with escape characters", "\x1b[31mred")
    yield _trial(workplace, "no name", "")
    yield _trial(workplace, "a custom class", "model", partial(_custom_class, workplace))
    for option in ADAPTERS:
        for what in ("an empty .safetensors", "a .safetensors of noise", "a .bin"):
            name, content = FILES[what]
            more = (option, name)
            yield _trial(workplace, f"{option} {what}", str(workplace.model), partial(_file, name, content), more)
        yield _trial(workplace, f"{option} not there", str(workplace.model), more=(option, "no/such.safetensors"))


def _trial(
    workplace: Workplace,
    name: str,
    model: str,
    spoil: Callable[[Path], object] = lambda folder: None,
    more: tuple[str, ...] = (),
    expected: str = REFUSED,
) -> Trial:
    """Read by a command that uses every part of a model: it encodes and renders."""
    arguments = ("barycenter", *PROMPTS[:3], "--side", "2", "--steps", "2", "--device", "cpu", "--out", "run")
    case = Case(name, COMMANDS["barycenter"], (*arguments, "--model", model, *more), spoil, expected)
    return Trial(FAMILY, name, CLEAR, partial(case.judge, workplace))


def _spoilt(workplace: Workplace, name: str, damage: Callable, folder: Path) -> None:
    copytree(workplace.model, folder / "model")
    damaged(folder / "model" / name, damage)


def _file(name: str, content: bytes, folder: Path) -> None:
    (folder / name).write_bytes(content)


def _custom_class(workplace: Workplace, folder: Path) -> None:
    """Code in a model's folder is never run."""
    copytree(workplace.model, folder / "model")
    index = folder / "model" / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"_class_name": ["pipeline", "MyPipeline"]}))
    (folder / "model" / "pipeline.py").write_text("raise SystemExit(0)\n")
