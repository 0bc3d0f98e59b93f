"""The commands that trials are made of: each does its work in seconds with a model of a few thousand weights."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import copy2, copytree

from PIL import Image

A, B, C = "a large fox on a blue background", "a panda on a pink background", "a red car at night"
PROMPTS = (A, B, C, "a blue boat", "a green pizza")
MANY = tuple(f"{number} {prompt}" for number in range(120) for prompt in PROMPTS)
#: for the choice of a method; it has no prompts in common with PAIRS
TUNING_PAIRS = "prompt_a,prompt_b,score\na blue fox,a green panda,1\na car in the rain,a boat at night,0.5\n"
PAIRS = f"prompt_a,prompt_b,score\n{A},{B},1\n{C},a blue boat,0.5\n"


@dataclass(frozen=True)
class Command:
    """One command of the toolkit, as trials run it, in a folder of inputs.

    Attributes:
        arguments: without the model's.
        run: the name of the folder that it continues; nothing where it continues none.
    """

    name: str
    arguments: tuple[str, ...]
    run: str = ""


_QUICK = ("--steps", "2", "--device", "cpu")
_SSIM = ("--perceptual-distance", "ssim")
_STUDY = ("--frames", "3", "--seeds", "1", "--perceptual-distances", "ssim", *_QUICK)
_GRADIENT = ("--perceptual-distance", "lpips", *_QUICK)
_FEW = ("--directions", "1", "--probes", "2", "--movements", "2")
_SHORT = ("--prompt", A, "--nearest", "0", "--trial", "1", "--iterations", "3")
_CHOICE = ("--tuning-pairs", "tuning.csv", "--pairs", "pairs.csv", "--candidates", "slerp")

COMMANDS = {
    command.name: command
    for command in (
        Command(
            "study", ("study", "--pairs", "pairs.csv", "--methods", "identity,optimal", *_STUDY, "--out", "run"), "run"
        ),
        Command(
            "compare",
            ("compare", A, B, "--frames", "3", "--methods", "identity,optimal", *_SSIM, *_QUICK, "--out", "run"),
            "run",
        ),
        Command(
            "geodesic",
            (
                *("compare", A, B, "--frames", "3", "--methods", "identity,geodesic", "--geodesic-iterations", "2"),
                *(*_GRADIENT, "--out", "run"),
            ),
            "run",
        ),
        Command("invert", ("invert", "photo.png", *_SHORT, *_GRADIENT, "--out", "run"), "run"),
        Command("sensitivity", ("sensitivity", A, *_FEW, *_GRADIENT, "--out", "sensitivity.png")),
        Command("animate", ("animate", A, B, "film.gif", "--frames", "4", *_SSIM, *_QUICK, "--out", "run"), "run"),
        Command("map", ("map", "prompts.txt", "--projection", "mds", *_QUICK, "--out", "run"), "run"),
        Command("neighbours", ("map", "many.txt", "--no-images", "--clusters", "2", *_QUICK, "--out", "run"), "run"),
        Command("barycenter", ("barycenter", A, B, C, "--side", "3", *_QUICK, "--out", "run"), "run"),
        Command("distances", ("distances", "prompts.txt", "--device", "cpu", "--out", "matrix.npy")),
        Command(
            "challenge",
            ("challenge", *_CHOICE, *_STUDY, "--out", "run"),
        ),
        Command("invariance", ("invariance", "--dtypes", "float32", *_QUICK, "--json", "records.json")),
        Command("redo", ("redo", "frame.png", "--device", "cpu", "--out", "again.png")),
        Command("robustness", ("robustness", "first", "second", "--out", "robustness.png")),
    )
}
#: those in which a fault at each single file says something new; a challenge is made of studies, and neighbours are a
#: map's that has so many prompts that they are searched, and kept, batch by batch
FILE_BY_FILE = {name: command for name, command in COMMANDS.items() if name not in ("challenge", "neighbours")}
WITHOUT_MODEL = ("redo", "robustness")


@dataclass(frozen=True)
class Workplace:
    """What all trials share.

    Attributes:
        model: a folder with the tiny model.
        references: folder of undisturbed runs, one for each command.
        seed: of the random moments.
    """

    model: Path
    references: Path
    seed: int = 0

    def reference(self, command: str) -> Path:
        return self.references / command

    def seconds(self, command: str) -> float:
        """That the undisturbed run took."""
        return float((self.references / f"{command}.seconds").read_text())

    def trace(self, command: str) -> Path:
        return self.references / f"{command}.trace"

    def arguments(self, command: Command) -> tuple[str, ...]:
        model = () if command.name in WITHOUT_MODEL else ("--model", str(self.model))
        return (*command.arguments, *model)

    def lay_out(self, command: Command, folder: Path) -> None:
        """The inputs of a command, in a folder that is new."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "prompts.txt").write_text("\n".join(PROMPTS) + "\n", encoding="utf-8")
        (folder / "many.txt").write_text("\n".join(MANY) + "\n", encoding="utf-8")
        (folder / "pairs.csv").write_text(PAIRS, encoding="utf-8")
        (folder / "tuning.csv").write_text(TUNING_PAIRS, encoding="utf-8")
        _INPUTS.get(command.name, lambda workplace, into: None)(self, folder)


def _photograph(workplace: Workplace, folder: Path) -> None:
    Image.linear_gradient("L").convert("RGB").save(folder / "photo.png")


def _frame(workplace: Workplace, folder: Path) -> None:
    copy2(sorted((workplace.reference("map") / "run" / "frames").glob("*.png"))[0], folder / "frame.png")


def _studies(workplace: Workplace, folder: Path) -> None:
    for name in ("first", "second"):
        copytree(workplace.reference("study") / "run", folder / name, dirs_exist_ok=True)


_INPUTS: dict[str, Callable[[Workplace, Path], None]] = {
    "invert": _photograph,
    "redo": _frame,
    "robustness": _studies,
}
