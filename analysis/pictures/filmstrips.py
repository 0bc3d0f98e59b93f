"""Film strips: one row of frames for each method, columns at t."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from whichway.analysis.pictures.style import colour, new_figure, quoted


def draw_filmstrips(
    frames: Mapping[str, UInt8[np.ndarray, "frames height width 3"]],
    times: Mapping[str, Sequence[float]],
    prompt_a: str,
    prompt_b: str,
    *,
    note: str = "",
) -> Figure:
    """Every frame at its own pixels (enlarged without smoothing), prompt A at the left end and B at the right.

    t stands above the columns, or, where the methods' frames are at different t, above each frame.

    Args:
        note: written below prompt B, for a right end that is not the image of all of B.
    """
    columns = len(next(iter(times.values())))
    shared = len({tuple(of_method) for of_method in times.values()}) == 1
    width = max(20, 6 * columns)  # characters that fit above half of the strip
    titles = [f"A: {quoted(prompt_a, width)}", f"B: {quoted(prompt_b, width)}{note and chr(10) + note}"]
    title_height = 0.16 * max(title.count("\n") + 1 for title in titles) + 0.08  # inches
    strip_height = (1.05 if shared else 1.25) * len(frames) + 0.25
    figure = new_figure(1.0 * columns + 1.0, strip_height + title_height)
    layout = ConstrainedLayoutEngine(
        rect=(0, 0, 1, strip_height / (strip_height + title_height)), w_pad=0.01, h_pad=0.01, wspace=0.02, hspace=0.02
    )
    figure.set_layout_engine(layout)
    axes = figure.subplots(len(frames), columns, squeeze=False)
    for row, (method, strip) in zip(axes, frames.items(), strict=True):
        for axis, picture in zip(row, strip, strict=True):
            axis.imshow(picture, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        row[0].set_ylabel(method, rotation=0, ha="right", va="center", color=colour(method), weight="bold")
    for row, times_of_row in list(zip(axes, times.values(), strict=True))[: 1 if shared else None]:
        for axis, t in zip(row, times_of_row, strict=True):
            axis.set_title(f"t = {t:.3g}", fontsize=8, pad=3)
    for title, x, side in zip(titles, (0.01, 0.99), ("left", "right"), strict=True):
        figure.text(x, 0.995, title, ha=side, va="top", fontsize=9)
    return figure
