"""Images beside each other, each under its caption."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from whichway.analysis.pictures.frames import frame_dpi, show_frame
from whichway.analysis.pictures.style import new_figure

SIDE = 1.7  # inches


def draw_gallery(
    images: Mapping[str, UInt8[np.ndarray, "height width 3"]], *, columns: int = 6, side: float = SIDE
) -> Figure:
    """Each image under its caption, with all its pixels.

    Args:
        images: caption → image. Captions are drawn as they are: a dollar sign that is to be one has a backslash before
            it, as :func:`whichway.analysis.pictures.style.literal` puts it.
        columns: at most so many beside each other.
        side: of an image, in inches.
    """
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    lines = max(caption.count("\n") + 1 for caption in images)
    width, height = side * columns, (side + 0.16 * lines) * rows
    pixels = next(iter(images.values())).shape[1]
    figure = new_figure(width, height, dpi=frame_dpi(pixels, side, max(width, height)))
    axes = figure.subplots(rows, columns, squeeze=False).flat
    for axis, (caption, image) in zip(axes, images.items(), strict=False):
        show_frame(axis, image, 0.85 * side)
        axis.set_anchor("N")  # below its caption, wherever the room is
        axis.set_title(caption, fontsize=8)
    for axis in figure.axes:
        axis.axis("off")
    return figure
