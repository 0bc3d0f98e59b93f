"""The folder of a run: its name, its manifest, and the check that its frames belong to the settings at hand."""

import hashlib
import json
import re
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from whichway.analysis.errors import UserError, writing
from whichway.analysis.models.model import Model
from whichway.analysis.images.rendering import Sampling

PACKAGES = ("whichway", "torch", "diffusers", "transformers", "numpy", "scipy", "POT")
#: versions that can change a frame; the others only measure or draw
RENDERING_PACKAGES = ("torch", "diffusers", "transformers")


def frame_identity(model: Model, sampling: Sampling, **clouds: object) -> dict:
    """All that a frame depends on besides its name. Frames of another identity are never reused.

    Args:
        clouds: what the clouds come from: prompts, and how they are matched.
    """
    return {
        **clouds,
        "seed": sampling.seed,
        "steps": sampling.steps,
        "guidance": sampling.guidance,
        "model_sha256": model.fingerprint,
        "device": model.device.type,
        "dtype": str(model.dtype).removeprefix("torch."),
        "compiled": model.compiled,
        "versions": versions(RENDERING_PACKAGES),
    }


def versions(packages: Iterable[str]) -> dict[str, str]:
    return {name: version(name) for name in packages}


def run_name(prompts: Sequence[str], key: dict) -> str:
    """Readable, and different for different settings."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:8]
    return f"{'--'.join(_slug(prompt) for prompt in prompts)}-{digest}"


def _slug(prompt: str, length: int = 24) -> str:
    return re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")[:length].rstrip("-") or "empty"


def open_run(folder: Path, settings: dict, model: Model, identity: dict) -> None:
    """Make the folder, or check that the frames in it are of these settings; write the manifest."""
    manifest = folder / "manifest.json"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if manifest.is_file():
        try:
            there = json.loads(manifest.read_text(encoding="utf-8"))["identity"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{manifest} is damaged; remove it or choose another output folder") from error
        _require_same_identity(folder, there, identity)
    scheduler = model.pipeline.scheduler
    content = {
        "identity": identity,
        "settings": settings,
        "model": {"name": model.name, "pipeline": type(model.pipeline).__name__, "sha256": model.fingerprint},
        "sampler": {"class": type(scheduler).__name__, **json.loads(scheduler.to_json_string())},
        "versions": versions(PACKAGES) | {"python": sys.version.split()[0]},
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }
    write_json(manifest, content)


def read_run(folder: Path) -> dict:
    """The manifest of a run.

    Raises:
        UserError: no run in the folder, or a damaged manifest.
    """
    try:
        content: dict = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{str(folder)!r} holds no run, or a damaged one (manifest.json)") from error
    return content


def _require_same_identity(folder: Path, there: dict, here: dict) -> None:
    changed = [name for name in here if there.get(name) != here[name]]
    if changed:
        differences = "; ".join(f"{name}: {there.get(name)!r} there, {here[name]!r} here" for name in changed)
        raise UserError(f"output folder {str(folder)!r} holds a run of other settings ({differences}); choose another")


def write_json(path: Path, content: dict | list) -> None:
    """Strict JSON: a NaN is an error here, not a surprise for the reader."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with writing(path):
        aside = path.with_suffix(".partial")
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
