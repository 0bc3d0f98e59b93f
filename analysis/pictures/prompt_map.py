"""A set of prompts on a plane: images where their prompts are, or points with the prompts beside them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from analysis.pictures.style import new_figure, quoted
from analysis.projection import Projection

NAMED = 40  # prompts that can be read beside their points


def draw_map(
    projection: Projection, prompts: Sequence[str], images: UInt8[np.ndarray, "prompts height width 3"] | None = None
) -> Figure:
    """Images at their points, smaller the more there are; without images the prompts' words, if they are few."""
    figure = new_figure(9, 9)
    axis = figure.subplots()
    axis.plot(*projection.points.T, ".", color="#0072B2")
    if images is not None:
        side = float(np.clip(400 / len(images) ** 0.5, 14, 64))  # points
        for place, image in zip(projection.points, images, strict=True):
            picture = OffsetImage(image, zoom=side / len(image), interpolation="nearest")
            axis.add_artist(AnnotationBbox(picture, tuple(place), frameon=True, pad=0.05))
    elif len(prompts) <= NAMED:
        for place, prompt in zip(projection.points, prompts, strict=True):
            axis.annotate(quoted(prompt, 24), place, xytext=(4, 2), textcoords="offset points", fontsize=6)
    axis.margins(0.08)
    axis.set(xlabel=projection.axes[0], ylabel=projection.axes[1])
    axis.set_aspect("equal", adjustable="datalim")
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title(f"{len(prompts)} prompts; {projection.distortion}", fontsize=10)
    return figure
