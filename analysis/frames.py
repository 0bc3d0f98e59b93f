"""The frames of a run on disk: one PNG each, whole or not there at all, named by method and t."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from analysis.errors import writing

Picture = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class FrameStore:
    """``folder/<method>/t0.125000.png``: a frame's name holds all that tells it from the run's other frames."""

    folder: Path

    def path(self, method: str, t: float) -> Path:
        return self.folder / method / f"t{t:.6f}.png"

    def read(self, path: Path) -> Picture:
        """The frame's pixels.

        Raises:
            OSError: there is none, or it is damaged.
        """
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))

    def find(self, path: Path) -> Picture | None:
        """The frame's pixels, or None where it has to be rendered (again)."""
        try:
            return self.read(path)
        except OSError:
            return None

    def write(self, path: Path, picture: Picture) -> None:
        """Write aside, then rename, so that a kill never leaves half a frame."""
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.with_suffix(".partial")
            Image.fromarray(picture).save(aside, format="PNG")
            aside.replace(path)
