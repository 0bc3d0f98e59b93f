"""A picture's file → pixels of the model's size, and what was done to it on the way."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from whichway.analysis.errors import UserError
from whichway.analysis.models.photographs import content_digest

SIXTEEN_BIT = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")  # Pillow's modes of one channel with more than 8 bits
PAPER = (255, 255, 255)  # behind what is transparent


@dataclass(frozen=True, eq=False)
class Photograph:
    """A photograph as the model could paint it.

    Attributes:
        name: of its file.
        sha256: of the file's bytes.
        changes: what was done to it, in words.
    """

    pixels: UInt8[np.ndarray, "height width 3"]
    name: str
    sha256: str
    changes: tuple[str, ...]


def read_photograph(path: Path, height: int, width: int) -> Photograph:
    """The picture's middle part of the wanted shape, resized (Lanczos) to height × width pixels, 8-bit RGB.

    Raises:
        UserError: no such file, no picture, a damaged or an enormous one.
    """
    digest, changes = content_digest(path), list[str]()
    try:
        with Image.open(path) as opened:
            if (frames := getattr(opened, "n_frames", 1)) > 1:
                changes.append(f"the first of its {frames} frames")
            opened.load()
            picture = _in_eight_bit_rgb(_upright(opened), changes.append)
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        enormous = isinstance(error, Image.DecompressionBombError)
        reason = "is larger than Pillow reads safely" if enormous else "is no picture that Pillow reads"
        raise UserError(f"{str(path)!r} {reason}; wanted a PNG or a JPEG") from error
    except (OSError, SyntaxError, ValueError) as error:  # Pillow's, for files that end too early
        raise UserError(f"{str(path)!r} is damaged: {error}") from error
    if picture.size != (width, height):
        changes.append(_describe_fit(picture.size, (width, height)))
        picture = ImageOps.fit(picture, (width, height), method=Image.Resampling.LANCZOS)
    return Photograph(np.asarray(picture).copy(), path.name, digest, tuple(changes))


def _upright(picture: Image.Image) -> Image.Image:
    return ImageOps.exif_transpose(picture) or picture


def _in_eight_bit_rgb(picture: Image.Image, report: Callable[[str], object]) -> Image.Image:
    if picture.mode in SIXTEEN_BIT:
        report("16 bit made 8" if picture.mode != "F" else "floating point scaled to 8 bit")
        picture = _eight_bit(picture)
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        if layered.getchannel("A").getextrema() != (255, 255):
            report("transparency laid on white")
        behind = Image.new("RGBA", layered.size, (*PAPER, 255))
        return Image.alpha_composite(behind, layered).convert("RGB")
    if picture.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        report(f"{picture.mode} made RGB, without its colour profile")
    elif picture.mode != "RGB":
        report(
            {"L": "grey made RGB", "1": "black and white made RGB"}.get(picture.mode, f"mode {picture.mode} made RGB")
        )
    return picture.convert("RGB")


def _eight_bit(picture: Image.Image) -> Image.Image:
    """16 bits over 257; other numbers from their least to their greatest."""
    numbers = np.asarray(picture).astype(np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError("numbers that are not finite")
    if picture.mode == "F" or numbers.min() < 0 or numbers.max() > 65535:
        numbers = (numbers - numbers.min()) / (np.ptp(numbers) or 1) * 65535
    return Image.fromarray((numbers / 257).round().astype(np.uint8))


def _describe_fit(size: tuple[int, int], wanted: tuple[int, int]) -> str:
    cropped = size[0] * wanted[1] != size[1] * wanted[0]
    middle = ", of its middle part" if cropped else ""
    return f"{size[0]} × {size[1]} pixels resized to {wanted[0]} × {wanted[1]}{middle}"
