"""A run: one folder for everything that renders. It is opened or continued, locked, described; it owns its frames.

The manifest says of which kind the run is, what it is a run of (its *identity*: a folder is only ever continued with
the same), and with which settings, model and versions it was made.
"""

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whichway.analysis.errors import UserError
from whichway.analysis.files import is_aside, read_json, write_json
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.lock import locked
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.model import Model
from whichway.analysis.models.versions import versions
from whichway.analysis.plugins import PLUGINS
from whichway.analysis.runs.frame_index import FrameIndex
from whichway.analysis.runs.frame_recipe import Recipes
from whichway.analysis.runs.frame_renderer import FrameRenderer
from whichway.analysis.runs.frame_store import FrameStore

LAYOUT = 2  # of the folder; runs of another one are recognised and refused
MANIFEST, LOCK, FRAMES, INDEX = "manifest.json", ".lock", "frames", "frames.json"
LONGEST = 60  # characters of a value that are worth saying in an error


@dataclass(frozen=True)
class Run:
    """An open run: its folder is ours alone.

    Attributes:
        choice: how the model was chosen.
        report: called with one line at a time that says what is going on.
    """

    folder: Path
    model: Model
    choice: ModelChoice = ModelChoice()
    report: Callable[[str], object] = lambda line: None

    def renderer(
        self, sampling: Sampling, recipes: Recipes = lambda name: None, *, progress: bool = True
    ) -> FrameRenderer:
        """What renders the run's frames with ``sampling``; their files say what they are made of by ``recipes``."""
        return FrameRenderer(
            self.model,
            sampling,
            FrameStore(self.folder / FRAMES),
            FrameIndex(self.folder / INDEX),
            report=self.report,
            progress=progress,
            recipes=recipes,
            choice=self.choice,
        )


@contextmanager
def open_run(
    folder: Path,
    kind: str,
    *,
    identity: Mapping[str, Any],
    settings: Mapping[str, Any],
    model: Model,
    report: Callable[[str], object] = lambda line: None,
) -> Iterator[Run]:
    """Within the context, ``folder`` is the run's; it is made, or continued where it holds a run of this identity.

    Args:
        kind: of run, "comparison" for instance.
        identity: what it is a run of.
        settings: everything that the user chose.

    Raises:
        UserError: the folder holds another run, or files that are no run; another process works on it; it cannot be
            written.
    """
    _require_ours(folder)
    with locked(folder / LOCK, f"the run in {str(folder)!r}"):
        manifest: dict[str, Any] = {
            "layout": LAYOUT,
            "kind": kind,
            "identity": _as_json(identity),
            "settings": _as_json(settings),
            **_describe(model),
            "versions": {**versions(), "python": sys.version.split()[0], **PLUGINS},
            "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        }
        if (folder / MANIFEST).is_file():
            saved = read_run(folder, kind)
            if _has_begun(folder):
                _require_same_identity(folder, saved["identity"], manifest["identity"])
        else:
            saved = {}
        if saved | {"command": None} != manifest | {"command": None}:
            write_json(folder / MANIFEST, manifest)
        chosen = settings.get("model")
        choice = ModelChoice.from_json(chosen) if chosen else ModelChoice(model.name)
        yield Run(folder, model, choice, report)


def read_run(folder: Path, kind: str) -> dict[str, Any]:
    """The manifest of a run of that kind.

    Raises:
        UserError: no run in the folder, one of another kind or layout, or a damaged manifest.
    """
    path = folder / MANIFEST
    if not path.is_file() and (folder / "study.json").is_file():
        raise _of_another_layout(folder)
    try:
        content = read_json(path)
    except OSError as error:
        raise UserError(f"{str(folder)!r} holds no {kind}: it has no {MANIFEST}") from error
    except ValueError as error:
        raise _damaged(path) from error
    if content.get("layout") != LAYOUT:
        raise _of_another_layout(folder)
    if content.get("kind") != kind:
        raise UserError(f"{str(folder)!r} holds a run of another kind ({content.get('kind')}), not a {kind}")
    if not all(isinstance(content.get(name), dict) for name in ("identity", "settings", "model")):
        raise _damaged(path)
    return content


def _damaged(path: Path) -> UserError:
    """Without its manifest nobody knows what a folder's frames are of: to remove it alone would not help."""
    return UserError(
        f"{str(path)!r} is damaged: what the frames beside it belong to is not known; choose another folder"
    )


def run_name(prompts: Sequence[str], *keys: object) -> str:
    """A folder's name: readable, and different for different keys."""
    return f"{'--'.join(_slug(prompt) for prompt in prompts)}-{short_hash(*keys)}"


def short_hash(*keys: object) -> str:
    """Eight digits that differ for different keys (anything that JSON holds)."""
    return hashlib.sha256(json.dumps(keys, sort_keys=True).encode()).hexdigest()[:8]


def _slug(prompt: str, length: int = 24) -> str:
    return re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")[:length].rstrip("-") or "empty"


def _as_json(content: Mapping[str, Any]) -> dict[str, Any]:
    """As it reads when it comes back from a file: tuples are lists."""
    read_back: dict[str, Any] = json.loads(json.dumps(content))
    return read_back


def _describe(model: Model) -> dict[str, Any]:
    scheduler = model.pipeline.scheduler
    return {
        "model": {"name": model.name, "pipeline": type(model.pipeline).__name__, **model.identity},
        "scheduler": {"class": type(scheduler).__name__, **json.loads(scheduler.to_json_string())},
    }


def _require_ours(folder: Path) -> None:
    """A folder with files that are no run is never written into; what a killed writer left is ours."""
    if not folder.is_dir() or (folder / MANIFEST).is_file():
        return
    if (folder / "study.json").is_file():
        raise _of_another_layout(folder)
    if any(path.name != LOCK and not is_aside(path) for path in folder.iterdir()):
        raise UserError(f"output folder {str(folder)!r} holds files that are no run of whichway; choose another")


def _has_begun(folder: Path) -> bool:
    """Whether anything was computed; what was refused before that (a prompt, say) may be asked again in other words."""
    return any(path.is_file() and path.name not in (MANIFEST, LOCK) for path in folder.rglob("*"))


def _of_another_layout(folder: Path) -> UserError:
    return UserError(f"{str(folder)!r} holds a run of another version of whichway; choose another folder")


def _require_same_identity(folder: Path, saved: Mapping[str, Any], requested: Mapping[str, Any]) -> None:
    names = dict.fromkeys([*requested, *saved])
    changed = [name for name in names if saved.get(name) != requested.get(name)]
    if changed:
        differences = "; ".join(_difference(name, saved.get(name), requested.get(name)) for name in changed)
        raise UserError(f"output folder {str(folder)!r} holds a run of other settings ({differences}); choose another")


def _difference(name: str, saved: object, requested: object) -> str:
    values = f"{saved!r} there, {requested!r} here"
    return f"{name}: {values}" if len(values) <= 2 * LONGEST else f"other {name}"
