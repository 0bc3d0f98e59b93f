"""Images of texts of which a part alone has moved from A to B, and the perceptual distance of each from A's."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from whichway.analysis.pictures.frames import frame_dpi, show_frame
from whichway.analysis.pictures.style import new_figure, quoted

Picture = UInt8[np.ndarray, "height width 3"]
CELL = 1.5  # inches


def draw_change_by_part(
    image_a: Picture,
    images: Sequence[Mapping[str, Picture]],
    changes: Sequence[Mapping[str, float]],
    lines: Sequence[str],
    titles: Mapping[str, str],
    *,
    distance: str,
    prompts: tuple[str, str],
) -> Figure:
    """A's image, then a column for each part, or several together, that moved while the rest stayed A's.

    Under each image stands its perceptual distance from A's, and that as a share of the distance when everything moved.

    Args:
        images, changes: for each line, what moved → its image and its perceptual distance from A's; the first is that
            everything moved.
        lines: the label of each line of images: how far the parts moved.
        titles: what moved → what the figure calls it.
        distance: the perceptual distance's name.
    """
    columns = len(titles) + 1
    width = max(16, 11 * columns)  # characters that fit above half of the figure
    heads = [f"A: {quoted(prompts[0], width)}", f"B: {quoted(prompts[1], width)}"]
    head = 0.16 * max(text.count("\n") + 1 for text in heads) + 0.5  # inches
    height = 1.2 * CELL * len(lines) + 0.3
    longest = max(CELL * columns + 0.9, height + head)
    figure = new_figure(CELL * columns + 0.9, height + head, dpi=frame_dpi(image_a.shape[1], CELL, longest))
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=(0, 0, 1, height / (height + head)), w_pad=0.03, h_pad=0.03))
    axes = figure.subplots(len(lines), columns, squeeze=False)
    for row, line, of_line, measured in zip(axes, lines, images, changes, strict=True):
        _show(row[0], image_a, "")
        row[0].set_ylabel(line, rotation=0, ha="right", va="center", fontsize=9)
        whole = next(iter(measured.values()))
        for axis, what in zip(row[1:], titles, strict=True):
            share = f" ({measured[what] / whole:.0%})" if whole else ""
            _show(axis, of_line[what], f"{measured[what]:.3f}{share}")
    for axis, title in zip(axes[0], ["nothing: A", *titles.values()], strict=True):
        axis.set_title(title, fontsize=9, pad=4)
    for text, x, side in zip(heads, (0.01, 0.99), ("left", "right"), strict=True):
        figure.text(x, 0.995, text, ha=side, va="top", fontsize=9)
    figure.text(
        0.5,
        1 - (head - 0.08) / (height + head),
        f"What moved from A to B, while the rest of the text stayed A's; below: {distance} distance from A's image",
        ha="center",
        va="bottom",
        fontsize=9,
        weight="bold",
    )
    return figure


def _show(axis: Axes, picture: Picture, below: str) -> None:
    show_frame(axis, picture, 0.8 * CELL)
    axis.set_xlabel(below, fontsize=9)
