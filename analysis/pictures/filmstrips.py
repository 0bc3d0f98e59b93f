"""Film strips: one row of frames for each method, columns at t."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from whichway.analysis.pictures.frames import frame_dpi, show_frame
from whichway.analysis.pictures.style import colour, new_figure, quoted

WIDTH, GAP = 1.0, 0.04  # of a frame and between two, inches
HAIR = 1e-6  # of a pixel
LETTER, LINE = 0.1, 0.16  # of the methods' names and the prompts, inches


def draw_filmstrips(
    frames: Mapping[str, UInt8[np.ndarray, "frames height width 3"]],
    times: Mapping[str, Sequence[float]],
    prompt_a: str,
    prompt_b: str,
    *,
    note: str = "",
) -> Figure:
    """Every frame with all its pixels, prompt A at the left end and B at the right.

    The figure has the same size in print whatever the frames' size; its pixels follow theirs. t stands above the
    columns, or, where the methods' frames are at different t, above each frame.

    Args:
        note: written below prompt B, for a right end that is not the image of all of B.
    """
    columns = max(map(len, times.values()))
    shared = len({tuple(of_method) for of_method in times.values()}) == 1
    _, pixels_high, pixels_wide, _ = next(iter(frames.values())).shape
    tall = WIDTH * pixels_high / pixels_wide
    margin = LETTER * max(map(len, frames)) + 0.25
    width = margin + columns * (WIDTH + GAP) + 0.1
    letters = max(20, int(6.5 * width))  # characters that fit above half of the strip
    titles = [f"A: {quoted(prompt_a, letters)}", f"B: {quoted(prompt_b, letters)}{note and chr(10) + note}"]
    head = LINE * max(title.count("\n") + 1 for title in titles) + 0.1
    height = head + (LINE + 0.05 if shared else 0) + len(frames) * (tall + GAP + (0 if shared else LINE + 0.05)) + 0.06
    dpi = frame_dpi(pixels_wide, WIDTH, max(width, height))
    figure = new_figure(width, height, dpi=dpi)
    figure.set_layout_engine("none")
    top = head  # inches from the upper edge
    for row, (method, strip) in enumerate(frames.items()):
        timed = not shared or row == 0
        top += LINE + 0.05 if timed else 0
        for column, (picture, t) in enumerate(zip(strip, times[method], strict=True)):
            left, bottom = margin + column * (WIDTH + GAP), height - top - tall
            # a frame's pixels are the figure's; some matplotlibs take a hair more than a pixel for two
            left, bottom = (round(left * dpi) + HAIR) / dpi, (round(bottom * dpi) + HAIR) / dpi
            box = (left, bottom, WIDTH - 2 * HAIR / dpi, tall - 2 * HAIR / dpi)
            axis = figure.add_axes(tuple(side / whole for side, whole in zip(box, (width, height) * 2, strict=True)))
            show_frame(axis, picture, WIDTH)
            if timed:
                axis.set_title(f"t = {t:.3g}", fontsize=8, pad=3)
        name: dict[str, Any] = {
            "ha": "right",
            "va": "center",
            "color": colour(method),
            "weight": "bold",
            "fontsize": 10,
        }
        figure.text((margin - 0.1) / width, 1 - (top + tall / 2) / height, method, **name)
        top += tall + GAP
    for title, x, side in zip(titles, (0.1 / width, 1 - 0.1 / width), ("left", "right"), strict=True):
        figure.text(x, 1 - 0.05 / height, title, ha=side, va="top", fontsize=9)
    return figure
