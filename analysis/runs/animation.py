"""Frames of one way → a film that any player shows: .gif, .webp or .mp4."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from whichway.analysis.runs.comparison import Settings
from whichway.analysis.prompts.encoding import encode
from whichway.analysis.errors import UserError, writing
from whichway.analysis.runs.frames import FrameRenderer, FrameStore
from whichway.analysis.models.model import Model
from whichway.analysis.runs.folder import frame_identity, open_run, run_name
from whichway.analysis.runs.walk import walk

SUFFIXES = (".gif", ".webp", ".mp4")
LEAST_SIDE = 256  # pixels: smaller frames are enlarged, whole pixels only, without smoothing

Frames = UInt8[np.ndarray, "frames height width 3"]


def animate(
    settings: Settings,
    film: Path,
    *,
    fps: float = 12,
    ping_pong: bool = False,
    out: Path | None = None,
    model: Model | None = None,
    report: Callable[[str], object] = lambda line: None,
) -> Path:
    """Render the way of the one method in ``settings`` and write it as a film; returns ``film``.

    Args:
        fps: frames a second.
        ping_pong: there and back again.
        out: folder of the frames, resumable as that of a comparison.

    Raises:
        UserError: not one method, a name that no film has, an fps that is not positive, a file that cannot be written.
    """
    if len(settings.methods) != 1:
        raise UserError(f"method: wanted one, got {len(settings.methods)}")
    require_writable(film, fps)
    model = model or settings.load_model()
    prompts = {"prompt_a": settings.prompt_a, "prompt_b": settings.prompt_b}
    identity = frame_identity(model, settings.sampling, **prompts, ground=settings.ground, tokens=settings.tokens)
    folder = out or Path("runs") / run_name([*prompts.values(), "film"], identity)
    open_run(folder, asdict(settings), model, identity)
    renderer = FrameRenderer(model, settings.sampling, FrameStore(folder / "frames"), report)
    ends = encode(model, settings.prompt_a), encode(model, settings.prompt_b)
    walked = walk(renderer, ends, settings.ways, frames=settings.frames, metric=settings.metric, seed=settings.seed)
    write_film(walked.frames[settings.methods[0]], film, fps=fps, ping_pong=ping_pong)
    return film


def require_writable(film: Path, fps: float) -> None:
    """Complain before rendering, not after."""
    if film.suffix.lower() not in SUFFIXES:
        raise UserError(f"film: wanted a name that ends in {', '.join(SUFFIXES)}, got {str(film)!r}")
    if not 0 < fps <= 1000:
        raise UserError(f"fps: wanted a number above 0, 1000 at most, got {fps}")
    if film.suffix.lower() == ".mp4":
        _ffmpeg()


def write_film(frames: Frames, film: Path, *, fps: float = 12, ping_pong: bool = False) -> None:
    """Write aside, then rename. A .webp keeps every pixel, a .gif 256 colours a frame, an .mp4 what H.264 keeps."""
    require_writable(film, fps)
    if ping_pong:
        frames = np.concatenate([frames, frames[-2:0:-1]])  # neither end twice: in a loop it would stand still
    scale = max(1, -(-LEAST_SIDE // min(frames.shape[1:3])))
    frames = frames.repeat(scale, axis=1).repeat(scale, axis=2)
    aside = film.with_name(f".partial-{film.name}")
    with writing(film):
        film.parent.mkdir(parents=True, exist_ok=True)
        (_write_video if film.suffix.lower() == ".mp4" else _write_pictures)(frames, aside, fps)
        aside.replace(film)


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


def _ffmpeg():
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise UserError(
            "film: .mp4 needs the package imageio-ffmpeg; install it with: pip install 'whichway[video]', "
            "or choose .webp or .gif"
        ) from error
    return imageio_ffmpeg
