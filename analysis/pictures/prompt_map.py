"""Prompts on a plane: images at their places, points with the prompts beside them, or, of many, their density."""

from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogFormatter

from whichway.analysis.clouds.clusters import cluster_words
from whichway.analysis.clouds.projection import Projection
from whichway.analysis.pictures.style import METHOD_COLOURS, literal, new_figure, quoted
from whichway.analysis.pictures.unlisted_methods import COLOURS

PALETTE = (*METHOD_COLOURS.values(), *COLOURS)
NAMED = 40  # prompts that can be read beside their points; of more, so many are named
CROWDED = 2000  # points, of which more lie on each other and hide how many they are
CELLS = 80  # across a map of density
PALEST = 0.3  # depth of the colour of a cell with one prompt


def draw_map(
    projection: Projection,
    prompts: Sequence[str],
    images: UInt8[np.ndarray, "prompts height width 3"] | None = None,
    clusters: Int[np.ndarray, " prompts"] | None = None,
    *,
    part: str = "",
) -> Figure:
    """Images at their points, or beside them where they would cover each other; without images the prompts' words, of
    many those of some that lie apart; of thousands how densely they lie.

    Clusters colour points, cells of the density and frames of images; each is named by its commonest words, beside
    images in a legend.

    Args:
        part: which part of the conditioning the distances are of; named in the title.
    """
    figure = new_figure(9, 9)
    axis = figure.subplots()
    colours = np.full(len(prompts), "#0072B2") if clusters is None else np.array(PALETTE)[clusters % len(PALETTE)]
    _draw_points(figure, axis, projection.points, colours, clusters)
    axis.margins(0.08 if images is None else 0.14)
    axis.set(xlabel=projection.axes[0], ylabel=projection.axes[1])
    axis.set_aspect("equal", adjustable="datalim")
    axis.spines[["top", "right"]].set_visible(False)
    grouped = "" if clusters is None else f" in {clusters.max() + 1} clusters"
    by = f" by {part}" if part else ""
    axis.set_title(f"{len(prompts)} prompts{by}{grouped}; {projection.distortion}", fontsize=10)
    if images is not None:
        if clusters is not None:
            _add_legend(figure, prompts, clusters)
        _draw_images(figure, axis, projection.points, images, None if clusters is None else colours)
    elif clusters is not None:
        _name_clusters(axis, projection.points, prompts, clusters)
    elif len(prompts) <= CROWDED:
        _name_prompts(axis, projection.points, prompts)
    return figure


def _draw_points(
    figure: Figure,
    axis: Axes,
    points: Float[np.ndarray, "prompts 2"],
    colours: np.ndarray,
    clusters: Int[np.ndarray, " prompts"] | None,
) -> None:
    x, y = points.T
    if len(points) <= CROWDED:
        axis.scatter(x, y, s=12, c=colours, linewidths=0)
        return
    form: dict[str, Any] = {"gridsize": CELLS, "mincnt": 1, "linewidths": 0}
    if clusters is None:
        shown: Any = axis.hexbin(x, y, bins="log", cmap="viridis", **form)
    else:
        shown = _draw_cells_of_clusters(axis, points, clusters, form)
    scale = figure.colorbar(shown, ax=axis, label="prompts in a cell", shrink=0.6).ax.yaxis
    scale.set_major_formatter("{x:.0f}")
    scale.set_minor_formatter(LogFormatter(minor_thresholds=(3, 1)))  # over some decades fewer: they would overlap


def _draw_cells_of_clusters(
    axis: Axes, points: Float[np.ndarray, "prompts 2"], clusters: Int[np.ndarray, " prompts"], form: Mapping[str, Any]
) -> ScalarMappable:
    """Cells in the colour of the cluster that has most of their prompts, the more of them the deeper."""
    x, y = points.T
    counted = axis.hexbin(x, y, C=np.ones(len(points)), reduce_C_function=np.sum, **form)
    counts = np.asarray(counted.get_array())
    counted.remove()
    cells = axis.hexbin(x, y, C=clusters, reduce_C_function=_commonest, **form)
    owners = np.asarray(cells.get_array()).astype(int)
    norm = LogNorm(1, max(2, counts.max()))
    depth = PALEST + (1 - PALEST) * np.asarray(norm(counts))[:, None]
    inks = np.array([to_rgb(PALETTE[owner % len(PALETTE)]) for owner in owners])
    cells.set_array(None)
    cells.set_facecolor(1 - depth * (1 - inks))
    greys = LinearSegmentedColormap.from_list("depth", [(1 - PALEST * 0.7,) * 3, (0.3,) * 3])
    return ScalarMappable(norm, greys)


def _commonest(clusters: Any) -> Any:
    return int(np.bincount(np.asarray(clusters, int)).argmax())


def _draw_images(
    figure: Figure,
    axis: Axes,
    points: Float[np.ndarray, "prompts 2"],
    images: UInt8[np.ndarray, "prompts height width 3"],
    colours: np.ndarray | None,
) -> None:
    """None covers another: where points are too near for that, a line leads from the image to its point."""
    side = float(np.clip(340 / len(images) ** 0.5, 14, 64))  # points of print
    figure.draw_without_rendering()  # which lays out, for good: where images go depends on where points are in print
    figure.set_layout_engine("none")
    axis.autoscale(False)
    to_print = 72 / figure.dpi
    in_print = axis.transData.transform(points) * to_print
    window = axis.get_window_extent().get_points() * to_print
    places = spread_apart(in_print, side + 3, window)
    in_data = axis.transData.inverted().transform(places / to_print)
    for home, place, image, ink in zip(points, in_data, images, _edges(colours, len(images)), strict=True):
        axis.plot(*np.transpose([home, place]), color=ink, linewidth=0.7, zorder=1)
        picture = OffsetImage(image, zoom=side / len(image), interpolation="antialiased")
        edge = {"edgecolor": ink, "linewidth": 1 if colours is None else 2.5}
        axis.add_artist(AnnotationBbox(picture, place, pad=0.05, bboxprops=edge, zorder=3))


def _edges(colours: np.ndarray | None, count: int) -> Sequence[str]:
    return ["black"] * count if colours is None else colours.tolist()


def spread_apart(
    points: Float[np.ndarray, "prompts 2"], side: float, window: Float[np.ndarray, "2 2"], *, rounds: int = 500
) -> Float[np.ndarray, "prompts 2"]:
    """Centres of squares of that side, near the points, of which none overlaps another if there is room.

    Pairs that overlap push each other apart, along the axis on which less is missing, until none does.

    Args:
        window: its lower left and upper right corner; no square leaves it.
    """
    places = points + 1e-3 * side * np.random.default_rng(0).normal(size=points.shape)  # equal points part too
    for _ in range(rounds):
        apart = places[:, None] - places[None]
        missing = side - np.abs(apart)
        overlapping = (missing > 0).all(axis=2) & ~np.eye(len(places), dtype=bool)
        if not overlapping.any():
            break
        along = missing.argmin(axis=2)[..., None] == np.arange(2)
        push = np.where(overlapping[..., None] & along, np.sign(apart) * (missing + 0.02 * side), 0)
        places = places + 0.35 * push.sum(axis=1) / np.maximum(1, overlapping.sum(axis=1))[:, None] ** 0.5
        places = np.clip(places, window[0] + side / 2, window[1] - side / 2)
    return places


def _add_legend(figure: Figure, prompts: Sequence[str], clusters: Int[np.ndarray, " prompts"]) -> None:
    handles = [
        Line2D([], [], marker="s", ls="", color=PALETTE[cluster % len(PALETTE)], label=literal(", ".join(words)))
        for cluster, words in enumerate(cluster_words(prompts, clusters))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=8)


def _name_prompts(axis: Axes, points: Float[np.ndarray, "prompts 2"], prompts: Sequence[str]) -> None:
    """All of them, or of many :data:`NAMED` that lie far from each other: each next the farthest from those before."""
    chosen = [0]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < min(NAMED, len(points)):
        nearest = np.minimum(nearest, np.linalg.norm(points - points[chosen[-1]], axis=1))
        chosen.append(int(nearest.argmax()))
    few = len(points) <= NAMED
    outline = [withStroke(linewidth=2, foreground="white")]
    for place in range(len(points)) if few else chosen:
        words = quoted(prompts[place] if few else shorten(prompts[place], 48, placeholder=" …"), 24)
        form: dict[str, Any] = {"textcoords": "offset points", "fontsize": 6, "path_effects": outline, "zorder": 4}
        axis.annotate(words, points[place], xytext=(4, 2), **form)
        if not few:
            axis.plot(*points[place], "o", color="black", markersize=2.5, zorder=3)


def _name_clusters(
    axis: Axes, points: Float[np.ndarray, "prompts 2"], prompts: Sequence[str], clusters: Int[np.ndarray, " prompts"]
) -> None:
    """The words of each cluster where it is densest, moved where they would cross the axes, or cover another's."""
    named = cluster_words(prompts, clusters)
    homes = np.array([_densest(points, clusters == cluster) for cluster in range(len(named))])
    low, high = points.min(axis=0), points.max(axis=0)
    room = (high - low) * (0.3, 0.045)  # a label's width and height, about
    places: list[np.ndarray] = []
    inner = 0.08 * (high - low)
    for home in homes:
        shifts = sorted(np.arange(-12, 13) * room[1], key=abs)
        tried = [np.clip(home, low + inner, high - inner) + np.array([0, shift]) for shift in shifts]
        free = (place for place in tried if all((np.abs(place - other) >= room).any() for other in places))
        places.append(next(free, home))
    for cluster, (words, home, place) in enumerate(zip(named, homes, places, strict=True)):
        edge = PALETTE[cluster % len(PALETTE)]
        box = {"boxstyle": "round", "facecolor": "white", "edgecolor": edge, "alpha": 0.9}
        arrow = {"arrowstyle": "-", "color": edge, "linewidth": 1} if (home != place).any() else None
        form: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8, "bbox": box, "zorder": 3}
        axis.annotate(literal(", ".join(words)), tuple(home), tuple(place), arrowprops=arrow, **form)


def _densest(points: Float[np.ndarray, "prompts 2"], inside: np.ndarray) -> Float[np.ndarray, " 2"]:
    """Where most of some points are: the mean of those in the fullest of 20 × 20 fields of the map."""
    x, y = points.T
    extent = [(float(x.min()), float(x.max())), (float(y.min()), float(y.max()))]
    counts, *edges = np.histogram2d(x[inside], y[inside], bins=20, range=extent)
    column = np.stack([np.searchsorted(edge[1:-1], points[:, axis]) for axis, edge in enumerate(edges)])
    fullest = np.array(np.unravel_index(counts.argmax(), counts.shape))
    in_fullest = inside & (column == fullest[:, None]).all(axis=0)
    place: np.ndarray = points[in_fullest if in_fullest.any() else inside].mean(axis=0)
    return place
