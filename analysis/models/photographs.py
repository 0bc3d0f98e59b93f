"""``@photo.png`` where a prompt may stand: the conditioning that ``whichway invert`` found for a photograph.

An ``@`` and a file: what was found last for the photograph of this content with this model. An ``@`` and the folder of
an inversion: what was found there. A prompt that begins with an at sign is written with two, ``@@home``.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.families.conditioning_file import read_conditionings, write_conditionings
from whichway.analysis.files import read_json, write_json
from whichway.analysis.reading.photograph_prompt import names_photograph, photograph_path

FOLDER = Path("runs") / "inversions"  # of inversions, and of what was found last for each photograph and model
CONDITIONING, RECORD = "conditioning.safetensors", "inversion.json"  # in an inversion's folder
NAME = "photograph"  # of the conditioning in its file
SEED = "seed"  # an inversion's noise, where it is that of the sampling's seed


def content_digest(path: Path) -> str:
    """SHA-256 of a file's bytes.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"cannot read {str(path)!r}: {error.strerror}") from error


def inverted_with(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Of a model's identity what a conditioning found with it depends on: not the device, and not the dtype."""
    return {name: identity[name] for name in ("model_sha256", "clip_skip", "call_arguments_sha256") if name in identity}


@dataclass(frozen=True)
class SavedInversion:
    """What an inversion found, and its record."""

    conditioning: Conditioning
    record: Mapping[str, Any]


def read_inversion(path: Path, identity: Mapping[str, Any]) -> SavedInversion | None:
    """Of a photograph's file what was found last for it with the model of this identity, None where nothing was; of the
    folder of an inversion what was found there.

    Raises:
        UserError: a folder that holds no finished inversion, or one with another model; a damaged file.
    """
    if path.is_dir():
        conditioning, record = path / CONDITIONING, path / RECORD
        if not record.is_file():
            raise UserError(f"{str(path)!r} holds no finished inversion; wanted a folder that whichway invert wrote")
    else:
        conditioning, record = _cached(content_digest(path), identity)
        if not record.is_file():
            return None
    try:
        content = read_json(record)
        model = content["model"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{str(record)!r} is no record of an inversion, or is damaged; invert it again") from error
    if inverted_with(model) != inverted_with(identity):
        raise UserError(f"{str(path)!r} was inverted with another model ({model.get('name')}); invert it with this one")
    conditionings = read_conditionings(conditioning)
    if NAME not in conditionings:
        raise UserError(f"{str(conditioning)!r} holds no conditioning of a photograph")
    return SavedInversion(conditionings[NAME], content)


def write_inversion(
    folder: Path, conditioning: Conditioning, record: Mapping[str, Any], identity: Mapping[str, Any]
) -> None:
    """Into the inversion's folder, and to where its photograph's file is looked up; the record last, as a sign that all
    is there. One with noise of its own is not looked up: a path has one noise for all its frames.
    """
    files = [(folder / CONDITIONING, folder / RECORD)]
    if record["noise"] == SEED:
        files.append(_cached(record["photograph"]["sha256"], identity))
    for file, of_record in files:
        write_conditionings(file, {NAME: conditioning})
        write_json(of_record, dict(record))


def conditioning_of_photograph(prompt: str, model_name: str, identity: Mapping[str, Any]) -> Conditioning:
    """What stands for a photograph.

    Raises:
        UserError: it was not inverted with this model; as :func:`read_inversion`.
    """
    path = photograph_path(prompt)
    inversion = read_inversion(path, identity)
    if inversion is None:
        raise UserError(
            f"{prompt!r} was not inverted with this model; first: whichway invert {path} --model {model_name}"
        )
    if inversion.record.get("noise") != SEED:
        raise UserError(
            f"{prompt!r} was inverted with noise of its own, and a path has one noise for all its frames; invert it "
            "with --noise seed"
        )
    return replace(inversion.conditioning, source=prompt)


def _cached(photograph_sha256: str, identity: Mapping[str, Any]) -> tuple[Path, Path]:
    key = json.dumps([photograph_sha256, inverted_with(identity)], sort_keys=True)
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    return FOLDER / "latest" / f"{name}.safetensors", FOLDER / "latest" / f"{name}.json"


def describe_photographs(prompts: Iterable[str], identity: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Which conditionings stand for the photographs among the prompts, for the identity of what is kept of them: a
    name alone does not say it. Nothing where there are none.

    Raises:
        UserError: one that was not inverted with the model of this identity.
    """
    content = {}
    for prompt in filter(names_photograph, prompts):
        path = photograph_path(prompt)
        file = path / CONDITIONING if path.is_dir() else _cached(content_digest(path), identity)[0]
        content[prompt] = content_digest(file)
    return {"photographs": content} if content else {}
