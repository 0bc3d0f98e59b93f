"""Frames on disk: one PNG for each address, whole or not there at all."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from whichway.analysis.files import written_whole

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

    def write(self, address: str, picture: Picture) -> None:
        with written_whole(self.path(address)) as aside:
            Image.fromarray(picture).save(aside, format="PNG")
