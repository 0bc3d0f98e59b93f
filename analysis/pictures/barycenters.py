"""Images between three or four prompts: a triangle or a square of barycenters."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from whichway.analysis.pictures.frames import frame_dpi, show_frame
from whichway.analysis.pictures.style import new_figure, quoted

CELL = 1.0  # inches


def draw_barycenters(images: UInt8[np.ndarray, "places height width 3"], prompts: Sequence[str], side: int) -> Figure:
    """Images in the order of :func:`whichway.analysis.runs.barycenters.grid_weights`, the prompts at their corners."""
    margin = 0.5  # inches above and below, for the prompts
    height = CELL * side + 2 * margin
    figure = new_figure(CELL * side, height, dpi=frame_dpi(images.shape[2], 0.96 * CELL, height))
    figure.set_layout_engine("none")
    for image, (x, y) in zip(images, _places(len(prompts), side), strict=True):
        box = ((x + 0.02) / side, (margin + CELL * (side - 1 - y)) / height, 0.96 / side, 0.96 * CELL / height)
        axis = figure.add_axes(box)
        show_frame(axis, image, 0.96 * CELL)
        axis.axis("off")
    corners = [("center", True)] if len(prompts) == 3 else [("left", True), ("right", True)]
    corners += [("left", False), ("right", False)]
    for prompt, (where, top) in zip(prompts, corners, strict=True):
        figure.text(
            {"left": 0.1 / side, "center": 0.5, "right": 1 - 0.1 / side}[where],
            1 - 0.1 / height if top else 0.1 / height,
            quoted(prompt, max(16, 5 * side)),
            ha=where,
            va="top" if top else "bottom",
            fontsize=8,
        )
    return figure


def _places(corners: int, side: int) -> list[tuple[float, float]]:
    """Column and row of each image, in cells; the rows of a triangle are centred."""
    if corners == 3:
        return [((side - 1 - row) / 2 + k, row) for row in range(side) for k in range(row + 1)]
    return [(column, row) for row in range(side) for column in range(side)]
