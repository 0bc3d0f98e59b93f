"""Frames → a film that any player shows: .gif, .webp or .mp4."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from whichway.analysis import files
from whichway.analysis.errors import UserError
from whichway.analysis.files import written_whole
from whichway.analysis.optional_packages import how_to_install

#: suffix → the most frames a second that players show: a .gif's frame lasts at least 0.02 s, and browsers take one of
#: a .webp that lasts less than 0.011 s for one of 0.1 s
MOST_FPS = {".gif": 50, ".webp": 90, ".mp4": 240}
SUFFIXES = tuple(MOST_FPS)
LEAST_FPS = 0.01  # a frame stands a hundred seconds; a .gif cannot hold one of eleven minutes
LEAST_SIDE = 256  # pixels: smaller frames are enlarged, whole pixels only, without smoothing

Frames = UInt8[np.ndarray, "frames height width 3"]


def require_writable(film: Path, fps: float) -> None:
    """Complain before rendering, not after.

    Raises:
        UserError: a name that no film has, an fps that the format cannot hold, or no encoder for .mp4.
    """
    if film.suffix.lower() not in SUFFIXES:
        raise UserError(f"film: wanted a name that ends in {', '.join(SUFFIXES)}, got {str(film)!r}")
    most = MOST_FPS[film.suffix.lower()]
    if not LEAST_FPS <= fps <= most:
        raise UserError(f"fps: wanted {LEAST_FPS} to {most} in a {film.suffix.lower()}, got {fps}")
    if film.suffix.lower() == ".mp4":
        _ffmpeg()
    files.require_writable(film)


def parse_fps(text: str) -> float:
    """Frames a second: a number, or a ratio such as 24000/1001.

    Raises:
        UserError: neither.
    """
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise UserError(f"fps: wanted a number such as 12 or 24000/1001, got {text!r}") from error


def written_fps(suffix: str, fps: float) -> Fraction:
    """Frames a second as the format holds them: in a .gif they last whole hundredths of a second, 12 becomes 12.5.

    A .webp's frames last whole milliseconds, but not all the same: each begins within half a millisecond of its time.
    An .mp4 holds any ratio, 24000/1001 too.
    """
    exact = Fraction(fps).limit_denominator(1001)
    return Fraction(100, max(2, round(100 / exact))) if suffix == ".gif" else exact


def frame_durations(suffix: str, fps: float, frames: int) -> list[int]:
    """Of each frame, in milliseconds."""
    rate = written_fps(suffix, fps)
    begins = [round(1000 * index / rate) for index in range(frames + 1)]
    return [after - before for before, after in pairwise(begins)]


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
    durations = frame_durations(path.suffix.lower(), fps, len(frames))
    first.save(path, save_all=True, append_images=others, duration=durations, loop=0, lossless=True)


def _write_video(frames: Frames, path: Path, fps: float) -> None:
    height, width = (side - side % 2 for side in frames.shape[1:3])  # H.264 halves the colours' resolution
    rate = written_fps(path.suffix.lower(), fps)
    options = {"fps": rate, "codec": "libx264", "quality": 9, "macro_block_size": 1, "ffmpeg_log_level": "error"}
    writer = _ffmpeg().write_frames(str(path), (width, height), **options)
    try:
        writer.send(None)
        for frame in frames:
            writer.send(np.ascontiguousarray(frame[:height, :width]))
    finally:
        writer.close()


def _ffmpeg() -> Any:
    try:
        import imageio_ffmpeg

        imageio_ffmpeg.get_ffmpeg_exe()
    except ImportError as error:
        raise UserError(
            f"film: .mp4 needs the package imageio-ffmpeg; install it with: {how_to_install('video')}, or choose .webp "
            "or .gif"
        ) from error
    except RuntimeError as error:  # a platform for which the package brings no ffmpeg
        raise UserError("film: .mp4 needs ffmpeg, and there is none; install it, or choose .webp or .gif") from error
    return imageio_ffmpeg
