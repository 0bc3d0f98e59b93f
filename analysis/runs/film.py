"""Frames → a film that any player shows: .gif, .webp or .mp4."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from whichway.analysis.errors import UserError
from whichway.analysis.files import written_whole

SUFFIXES = (".gif", ".webp", ".mp4")
LEAST_SIDE = 256  # pixels: smaller frames are enlarged, whole pixels only, without smoothing

Frames = UInt8[np.ndarray, "frames height width 3"]


def require_writable(film: Path, fps: float) -> None:
    """Complain before rendering, not after.

    Raises:
        UserError: a name that no film has, an fps that is not positive, or no encoder for .mp4.
    """
    if film.suffix.lower() not in SUFFIXES:
        raise UserError(f"film: wanted a name that ends in {', '.join(SUFFIXES)}, got {str(film)!r}")
    if not 0 < fps <= 1000:
        raise UserError(f"fps: wanted a number above 0, 1000 at most, got {fps}")
    if film.suffix.lower() == ".mp4":
        _ffmpeg()


def write_film(frames: Frames, film: Path, *, fps: float = 12, ping_pong: bool = False) -> None:
    """A .webp keeps every pixel, a .gif 256 colours a frame, an .mp4 what H.264 keeps."""
    require_writable(film, fps)
    if ping_pong:
        frames = np.concatenate([frames, frames[-2:0:-1]])  # neither end twice: in a loop it would stand still
    scale = max(1, -(-LEAST_SIDE // min(frames.shape[1:3])))
    frames = frames.repeat(scale, axis=1).repeat(scale, axis=2)
    write = _write_video if film.suffix.lower() == ".mp4" else _write_pictures
    with written_whole(film) as aside:
        write(frames, aside, fps)


def _write_pictures(frames: Frames, path: Path, fps: float) -> None:
    first, *others = (Image.fromarray(frame) for frame in frames)
    # "lossless" is WebP's; GIF does not know it
    first.save(path, save_all=True, append_images=others, duration=round(1000 / fps), loop=0, lossless=True)


def _write_video(frames: Frames, path: Path, fps: float) -> None:
    height, width = (side - side % 2 for side in frames.shape[1:3])  # H.264 halves the colours' resolution
    options = {"fps": fps, "codec": "libx264", "quality": 9, "macro_block_size": 1, "ffmpeg_log_level": "error"}
    writer = _ffmpeg().write_frames(str(path), (width, height), **options)
    writer.send(None)
    for frame in frames:
        writer.send(np.ascontiguousarray(frame[:height, :width]))
    writer.close()


def _ffmpeg() -> Any:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise UserError(
            "film: .mp4 needs the package imageio-ffmpeg; install it with: pip install 'whichway[video]', "
            "or choose .webp or .gif"
        ) from error
    return imageio_ffmpeg
