"""Frames on disk: one PNG for each address, whole or not there at all."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from whichway.analysis.files import written_whole

PIXELS = "pixels_sha256"  # a text chunk: what was written is what is read back, to the last bit
NO_TEXT: Mapping[str, str] = {}
Picture = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class FrameStore:
    """``folder/<address>.png``. Two frames of one address are the same frame, whoever wrote it."""

    folder: Path

    def path(self, address: str) -> Path:
        return self.folder / f"{address}.png"

    def read(self, address: str) -> Picture:
        """The frame's pixels.

        Raises:
            OSError: it is not there, is damaged, or was written by another program, which keeps no hash of its pixels.
        """
        try:
            with Image.open(self.path(address), formats=["PNG"]) as image:
                image.load()
                picture, written = np.asarray(image.convert("RGB")), getattr(image, "text", {}).get(PIXELS)
        except (ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
            raise OSError(f"{str(self.path(address))!r} is damaged") from error
        if written != pixels_sha256(picture):
            raise OSError(f"{str(self.path(address))!r} holds other pixels than were written")
        return picture

    def find(self, address: str) -> Picture | None:
        """The frame's pixels, or None where it has to be rendered (again)."""
        try:
            return self.read(address)
        except OSError:
            return None

    def write(self, address: str, picture: Picture, text_chunks: Mapping[str, str] = NO_TEXT) -> None:
        """Whole or not at all; ``text_chunks``, key → text, are read back as ``Image.open(path).text``."""
        write_png(self.path(address), picture, text_chunks)


def pixels_sha256(picture: Picture) -> str:
    """Of the shape and the pixels."""
    return hashlib.sha256(repr(picture.shape).encode() + np.ascontiguousarray(picture).tobytes()).hexdigest()


def write_png(path: Path, picture: Picture, text_chunks: Mapping[str, str] = NO_TEXT) -> None:
    """A picture with text chunks of any characters (PNG's iTXt where Latin-1 does not have them)."""
    chunks = PngInfo()
    for key, text in {**text_chunks, PIXELS: pixels_sha256(picture)}.items():
        chunks.add_text(key, text)
    with written_whole(path) as aside:
        Image.fromarray(picture).save(aside, format="PNG", pnginfo=chunks)
