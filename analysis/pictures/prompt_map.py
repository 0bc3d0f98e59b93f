"""A set of prompts on a plane: images where their prompts are, or points with the prompts beside them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int, UInt8
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from whichway.analysis.clouds.projection import Projection
from whichway.analysis.pictures.style import METHOD_COLOURS, new_figure, quoted

PALETTE = tuple(METHOD_COLOURS.values())
NAMED = 40  # prompts that can be read beside their points


def draw_map(
    projection: Projection,
    prompts: Sequence[str],
    images: UInt8[np.ndarray, "prompts height width 3"] | None = None,
    clusters: Int[np.ndarray, " prompts"] | None = None,
    *,
    part: str = "",
) -> Figure:
    """Images at their points, smaller the more there are; without images the prompts' words, if they are few.

    Clusters colour points and frames of images.

    Args:
        part: which part of the conditioning the distances are of; named in the title.
    """
    figure = new_figure(9, 9)
    axis = figure.subplots()
    colours = np.full(len(prompts), "#0072B2") if clusters is None else np.array(PALETTE)[clusters]
    axis.scatter(projection.points[:, 0], projection.points[:, 1], s=12, c=colours)
    if images is not None:
        side = float(np.clip(400 / len(images) ** 0.5, 14, 64))  # points
        edge = 1 if clusters is None else 2.5
        for place, image, colour in zip(projection.points, images, colours, strict=True):
            picture = OffsetImage(image, zoom=side / len(image), interpolation="nearest")
            box = {"edgecolor": "black" if clusters is None else colour, "linewidth": edge}
            axis.add_artist(AnnotationBbox(picture, tuple(place), frameon=True, pad=0.05, bboxprops=box))
    elif len(prompts) <= NAMED:
        for place, prompt in zip(projection.points, prompts, strict=True):
            axis.annotate(quoted(prompt, 24), place, xytext=(4, 2), textcoords="offset points", fontsize=6)
    axis.margins(0.08)
    axis.set(xlabel=projection.axes[0], ylabel=projection.axes[1])
    axis.set_aspect("equal", adjustable="datalim")
    axis.spines[["top", "right"]].set_visible(False)
    grouped = "" if clusters is None else f" in {clusters.max() + 1} clusters"
    by = f" by {part}" if part else ""
    axis.set_title(f"{len(prompts)} prompts{by}{grouped}; {projection.distortion}", fontsize=10)
    return figure
