"""A frame's PNG → the same frame, made again from what its file says."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from whichway.analysis.errors import UserError
from whichway.analysis.files import require_writable
from whichway.analysis.models.choice import OWN
from whichway.analysis.models.model import Model
from whichway.analysis.models.versions import RENDERING_PACKAGES, versions
from whichway.analysis.runs.endpoint_check import endpoint_tolerance
from whichway.analysis.runs.frame_recipe import OWN_CHUNK, PARAMETERS, ReadFrame, read_chunk, text_chunks
from whichway.analysis.runs.frame_store import Picture, write_png


@dataclass(frozen=True)
class Redone:
    """A frame that was rendered again.

    Attributes:
        difference: the largest one between both pictures, in levels of 255; None: they have not the same size.
        tolerance: what rounding may cause: the frame may have been rendered in a batch with others.
        changes: what is another one now than when the frame was made: the model, a package.
    """

    path: Path
    difference: int | None
    tolerance: int
    changes: list[str]

    @property
    def passed(self) -> bool:
        return self.difference is not None and self.difference <= self.tolerance

    def __str__(self) -> str:
        if self.difference == 0:
            return "equal in every pixel"
        if self.passed:
            return (
                f"equal up to rounding: largest pixel difference {self.difference}/255, it allows {self.tolerance}/255"
            )
        how = "of another size" if self.difference is None else f"largest pixel difference {self.difference}/255"
        why = f"; other than then: {', '.join(self.changes)}" if self.changes else ""
        return f"another picture ({how}){why}"


def read_frame(path: Path) -> tuple[ReadFrame, Picture]:
    """What a frame's file says of itself, and its pixels.

    Raises:
        UserError: no PNG, or one that does not say it.
    """
    try:
        with Image.open(path) as image:
            image.load()
            chunks = {**getattr(image, "text", {})}
            picture = np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no picture, or a damaged one"
        raise UserError(f"frame: wanted a PNG of a run, got {str(path)!r}: {reason}") from error
    if OWN_CHUNK not in chunks:
        by_others = f"; its {PARAMETERS!r} were written by another program" if PARAMETERS in chunks else ""
        raise UserError(
            f"frame: {str(path)!r} does not say how it was made: it has no text chunk {OWN_CHUNK!r}{by_others}"
        )
    try:
        return read_chunk(chunks[OWN_CHUNK]), picture
    except UserError as error:
        raise UserError(f"frame: {str(path)!r} cannot be made again: {error}") from error


def redo(
    frame: Path,
    out: Path,
    *,
    device: str | None = None,
    model: Model | None = None,
    report: Callable[[str], object] = lambda line: None,
) -> Redone:
    """Render the frame again, and write it with the same text chunks.

    Args:
        out: the new file.
        device: another one than then.
        model: a loaded one; needed for a pipeline of one's own, which no name leads back to. Prompts are read as they
            were then, however it reads them.

    Raises:
        UserError: a file that does not say how it was made, a frame of a geodesic, a model that is not here any more,
            ``out`` is the frame itself or cannot be written.
    """
    read, before = read_frame(frame)
    try:
        read.recipe.require_redoable()  # before a model is loaded
    except UserError as error:
        raise UserError(f"frame: {str(frame)!r} cannot be made again: {error}") from error
    if out.exists() and out.samefile(frame):
        raise UserError(f"out: {str(out)!r} is the frame itself; choose another name")
    require_writable(out)
    if model is None and read.model.name.startswith(OWN):
        raise UserError(f"frame: {str(frame)!r} was made by {read.model.name}, which only you can build again")
    choice = replace(read.model, device=device) if device else read.model
    model = model or choice.load(report)
    if model.reading != choice.reading:  # a loaded one, that reads prompts in another way
        model = replace(model, reading=choice.reading)
    sampling = read.sampling.resolved(model.defaults)
    conditioning = read.recipe.conditioning(model)
    chunks = text_chunks(read.recipe, conditioning, model, choice, sampling)
    picture = model.render([conditioning], sampling)[0]
    write_png(out, picture, chunks)
    return Redone(out, *_compared(before, picture, model, read), _changes(read, model))


def _compared(before: Picture, after: Picture, model: Model, read: ReadFrame) -> tuple[int | None, int]:
    rows = max(sum(map(len, each.clouds.values())) for each in model.encode([*read.recipe.prompts]))
    tolerance = endpoint_tolerance(model, read.sampling, rows=rows)
    if before.shape != after.shape:
        return None, tolerance
    return int(np.abs(before.astype(int) - after.astype(int)).max()), tolerance


def _changes(read: ReadFrame, model: Model) -> list[str]:
    names = {"model_sha256": "the model's weights or settings"}
    identity = model.identity
    changed = [
        names.get(key, key) for key in {**identity, **read.identity} if identity.get(key) != read.identity.get(key)
    ]
    now = versions(RENDERING_PACKAGES)
    return changed + [f"{package} {then}" for package, then in read.versions.items() if now.get(package) != then]
