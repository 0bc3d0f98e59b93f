"""A film at a glance: its frames in reading order, each under its time, prompts where they are reached."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from whichway.analysis.pictures.gallery import SIDE, draw_gallery

MOST = 64  # frames: of longer films evenly chosen ones are shown, and those at prompts
COLUMNS = 8


def draw_contact_sheet(
    frames: UInt8[np.ndarray, "frames height width 3"],
    prompts: Mapping[int, str],
    fps: float,
    *,
    columns: int = COLUMNS,
    side: float = SIDE,
) -> Figure:
    """A grid of frames, each with all its pixels.

    Args:
        prompts: number of a frame → the prompt that is reached there, as it is to be written.
        fps: frames a second.
        columns, side: at most so many beside each other, of that many inches.
    """
    chosen = sorted({*np.linspace(0, len(frames) - 1, min(MOST, len(frames))).round().astype(int).tolist(), *prompts})
    lines = max(prompt.count("\n") + 1 for prompt in prompts.values())
    captions = [f"{_padded(prompts.get(k, ''), lines)}\n{k / fps:.2f} s" for k in chosen]
    return draw_gallery(dict(zip(captions, frames[chosen], strict=True)), columns=columns, side=side)


def _padded(caption: str, lines: int) -> str:
    """With empty lines above, so that times stand on one line."""
    return "\n" * (lines - 1 - caption.count("\n")) + caption
