"""Prompts on a plane: images at their places, points with the prompts beside them, or, of many, their density."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from whichway.analysis.clouds.clusters import cluster_words
from whichway.analysis.clouds.projection import Projection
from whichway.analysis.pictures.style import METHOD_COLOURS, literal, new_figure, quoted

PALETTE = tuple(METHOD_COLOURS.values())
NAMED = 40  # prompts that can be read beside their points
CROWDED = 2000  # points, of which more lie on each other and hide how many they are


def draw_map(
    projection: Projection,
    prompts: Sequence[str],
    images: UInt8[np.ndarray, "prompts height width 3"] | None = None,
    clusters: Int[np.ndarray, " prompts"] | None = None,
    *,
    part: str = "",
) -> Figure:
    """Images at their points, smaller the more there are; without images the prompts' words, if they are few; of
    thousands how densely they lie.

    Clusters colour points and frames of images; without images each is named by its words.

    Args:
        part: which part of the conditioning the distances are of; named in the title.
    """
    figure = new_figure(9, 9)
    axis = figure.subplots()
    colours = np.full(len(prompts), "#0072B2") if clusters is None else np.array(PALETTE)[clusters]
    _draw_points(figure, axis, projection.points, colours, density=clusters is None)
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
    if clusters is not None and images is None:
        _name_clusters(axis, projection.points, prompts, clusters)
    axis.margins(0.08)
    axis.set(xlabel=projection.axes[0], ylabel=projection.axes[1])
    axis.set_aspect("equal", adjustable="datalim")
    axis.spines[["top", "right"]].set_visible(False)
    grouped = "" if clusters is None else f" in {clusters.max() + 1} clusters"
    by = f" by {part}" if part else ""
    axis.set_title(f"{len(prompts)} prompts{by}{grouped}; {projection.distortion}", fontsize=10)
    return figure


def _draw_points(
    figure: Figure, axis: Axes, points: Float[np.ndarray, "prompts 2"], colours: np.ndarray, *, density: bool
) -> None:
    crowded = len(points) > CROWDED
    if crowded and density:
        cells = axis.hexbin(*points.T, gridsize=80, mincnt=1, bins="log", cmap="viridis", linewidths=0)
        scale = figure.colorbar(cells, ax=axis, label="prompts in a cell", shrink=0.6).ax.yaxis
        scale.set_major_formatter("{x:.0f}")
        scale.set_minor_formatter("{x:.0f}")
        return
    x, y = points.T
    size = float(np.clip(12 * CROWDED / len(points), 1, 12))
    axis.scatter(x, y, s=size, c=colours, alpha=0.4 if crowded else 1, linewidths=0)


def _name_clusters(
    axis: Axes, points: Float[np.ndarray, "prompts 2"], prompts: Sequence[str], clusters: Int[np.ndarray, " prompts"]
) -> None:
    """The words of each cluster in its midst."""
    for cluster, words in enumerate(cluster_words(prompts, clusters)):
        place = np.median(points[clusters == cluster], axis=0)
        box = {"boxstyle": "round", "facecolor": "white", "edgecolor": PALETTE[cluster], "alpha": 0.85}
        name = literal(", ".join(words))
        axis.annotate(name, tuple(place), fontsize=7, ha="center", va="center", bbox=box, zorder=3)
