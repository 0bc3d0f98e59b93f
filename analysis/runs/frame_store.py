"""Frames on disk: one PNG for each address, whole or not there at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from whichway.analysis.files import written_whole

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
            OSError: it is not there, or is damaged.
        """
        with Image.open(self.path(address)) as image:
            return np.asarray(image.convert("RGB"))

    def find(self, address: str) -> Picture | None:
        """The frame's pixels, or None where it has to be rendered (again)."""
        try:
            return self.read(address)
        except OSError:
            return None

    def write(self, address: str, picture: Picture, text_chunks: Mapping[str, str] = NO_TEXT) -> None:
        """Whole or not at all; ``text_chunks``, key → text, are read back as ``Image.open(path).text``."""
        write_png(self.path(address), picture, text_chunks)


def write_png(path: Path, picture: Picture, text_chunks: Mapping[str, str] = NO_TEXT) -> None:
    """A picture with text chunks of any characters (PNG's iTXt where Latin-1 does not have them)."""
    chunks = PngInfo()
    for key, text in text_chunks.items():
        chunks.add_text(key, text)
    with written_whole(path) as aside:
        Image.fromarray(picture).save(aside, format="PNG", pnginfo=chunks)
