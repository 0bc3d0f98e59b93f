"""The paths on a plane, in the two views side by side: as matrices (Frobenius) and as measures (Wasserstein)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from whichway.analysis.clouds.projection import Projection, project
from whichway.analysis.pictures.style import colour, marker, new_figure
from whichway.analysis.vocabulary import FEWEST_FOR_UMAP
from whichway.geometry import PointCloud

THUMBNAIL = 48  # points, where there is room
TITLES = {"frobenius": "Frobenius view: rows in their order", "wasserstein": "Wasserstein view: rows in any order"}

Pictures = UInt8[np.ndarray, "frames height width 3"]


def draw_projection(
    clouds: Mapping[str, Sequence[PointCloud]],
    reference: PointCloud,
    *,
    method: str = "pca",
    frames: Mapping[str, Pictures] | None = None,
) -> Figure:
    """All methods' clouds together, in both views.

    Clouds with another number of rows than A's (mixtures, soft couplings) are no matrices of one shape: their methods
    are in the Wasserstein view only.

    Args:
        reference: prompt A, from which PCA's Wasserstein view is linearised.
        method: "pca", "mds" or "umap".
        frames: images of all the clouds; those of A, of B and of each method halfway are shown beside the map.
    """
    return draw_projections({"": clouds}, {"": reference}, method=method, frames=frames)


def draw_projections(
    clouds: Mapping[str, Mapping[str, Sequence[PointCloud]]],
    references: Mapping[str, PointCloud],
    *,
    method: str = "pca",
    frames: Mapping[str, Pictures] | None = None,
    one_image: bool = True,
) -> Figure:
    """The same for the clouds of several encoders, one below the other: each is a space of its own.

    Args:
        clouds: encoder → method → clouds.
        references: encoder → its cloud of A.
        one_image: whether all paths end in B's; not so where one holds A's pooled vector.
    """
    figure = new_figure(11.2 if frames else 9.6, 4.8 * len(clouds))
    lines = figure.subplots(len(clouds), 2, squeeze=False).tolist()
    for axes, (encoder, of_encoder) in zip(lines, clouds.items(), strict=True):
        _draw_views(axes, of_encoder, references[encoder], method, f"{encoder}, " if len(clouds) > 1 else "")
        if frames:
            _draw_pictures(axes[1], frames)
    handles, labels = figure.axes[1].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=min(len(labels), 6),
        frameon=False,
        fontsize=9,
        title=_caption(one_image, bool(frames)),
        title_fontsize=9,
    )
    return figure


def _caption(one_image: bool, with_frames: bool) -> str:
    """What the marks mean; that ends lie together or apart is said of each view, since both happen."""
    rings = " Ring: halfway, with its image on the right." if with_frames else ""
    same = " and renders B's image, in whatever order a path has put B's rows" if one_image else ""
    return f"Large markers: t = 1. Every path ends in B{same}.{rings}"


def _draw_views(
    axes: Sequence[Axes],
    clouds: Mapping[str, Sequence[PointCloud]],
    reference: PointCloud,
    method: str,
    name: str,
) -> None:
    """Both views of one encoder's clouds."""
    matrices = {name: path for name, path in clouds.items() if all(len(c) == len(reference) for c in path)}
    paths_by_view = {"frobenius": matrices or {"A": [reference]}, "wasserstein": clouds}
    for axis, (view, paths) in zip(axes, paths_by_view.items(), strict=True):
        everything = [cloud for path in paths.values() for cloud in path]
        fewer = method == "umap" and len(everything) < FEWEST_FOR_UMAP  # of paths that are no matrices, A alone
        projection = project(everything, view, method="mds" if fewer else method, reference=reference)
        _draw_paths(axis, projection, {name: len(path) for name, path in paths.items()})
        _letter_ends(axis)
        axis.set_title(f"{name}{TITLES[view]}\n{projection.distortion}", fontsize=10)


def _draw_paths(axis: Axes, projection: Projection, lengths: Mapping[str, int]) -> None:
    remaining = iter(projection.points)
    for order, (method, length) in enumerate(lengths.items()):
        points = np.array([next(remaining) for _ in range(length)])
        axis.plot(*points.T, color=colour(method), marker=marker(method), markersize=4, alpha=0.8, label=method)
        size = 14 - 7 * order / max(len(lengths) - 1, 1)  # of ends in one point, the later ones within the earlier
        axis.plot(*points[-1], color=colour(method), marker=marker(method), markersize=size, markeredgecolor="black")
    axis.plot(*projection.points[0], "k*", markersize=13)
    axis.set(xlabel=projection.axes[0], ylabel=projection.axes[1])
    axis.margins(x=0.12)
    axis.set_aspect("equal", adjustable="datalim")
    axis.spines[["top", "right"]].set_visible(False)


def _letter_ends(axis: Axes) -> None:
    """A at its point, and B at each end: in the Frobenius view B's rows in several orders are several points."""
    paths = [np.asarray(line.get_xydata()) for line in axis.lines if not str(line.get_label()).startswith("_")]
    ends: list[np.ndarray] = []
    near = 0.03 * float(np.ptp(np.concatenate(paths), axis=0).max())
    for end in (path[-1] for path in paths if len(path) > 1):
        if all(np.linalg.norm(end - other) > near for other in ends):
            ends.append(end)
    start = paths[0][0]
    for letter, place, others in [("A", start, ends), *(("B", end, [start]) for end in ends)]:
        left = not others or place[0] < np.mean([other[0] for other in others])
        shift = (-16, 0) if left else (16, 0)
        form: dict[str, Any] = {
            "textcoords": "offset points",
            "ha": "center",
            "va": "center",
            "weight": "bold",
            "fontsize": 12,
        }
        axis.annotate(letter, tuple(place), shift, **form)


def _draw_pictures(axis: Axes, frames: Mapping[str, Pictures]) -> None:
    """In a column right of the map, from top to bottom as their points are; a ring is around each point halfway."""
    drawn = {str(line.get_label()): np.asarray(line.get_xydata()) for line in axis.lines if line.get_label() in frames}
    first = next(iter(frames))
    thumbnails = {"A": (drawn[first][0], frames[first][0]), "B": (drawn[first][-1], frames[first][-1])}
    thumbnails |= {name: (points[len(points) // 2], frames[name][len(points) // 2]) for name, points in drawn.items()}
    side = min(THUMBNAIL, 225 / len(thumbnails))
    by_height = sorted(thumbnails, key=lambda name: thumbnails[name][0][1], reverse=True)
    for index, name in enumerate(by_height):
        place, picture = thumbnails[name]
        is_end = name in ("A", "B")
        ink = "black" if is_end else colour(name)
        height = 1 - (index + 0.5) / len(thumbnails)
        box = AnnotationBbox(
            OffsetImage(picture, zoom=side / len(picture), interpolation="antialiased"),
            tuple(place),
            xybox=(1.14, height),
            boxcoords="axes fraction",
            pad=0.1,
            bboxprops={"edgecolor": ink, "linewidth": 2},
        )
        axis.add_artist(box)
        if not is_end:
            axis.plot(*place, "o", color="none", markeredgecolor=ink, markeredgewidth=1.5, markersize=11)
        form: dict[str, Any] = {"textcoords": "offset points", "va": "center", "fontsize": 8, "color": ink}
        label, offset = name if is_end else f"{name}\nhalfway", (side / 2 + 6, 0)
        axis.annotate(label, (1.14, height), offset, "axes fraction", weight="bold", **form)
