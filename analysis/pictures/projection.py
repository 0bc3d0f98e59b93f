"""The paths on a plane, in the two views side by side: as matrices (Frobenius) and as measures (Wasserstein)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from analysis.pictures.style import colour, marker, new_figure
from analysis.projection import flatten_rows, linearise, project
from geometry import PointCloud


def draw_projection(clouds: Mapping[str, Sequence[PointCloud]], reference: PointCloud) -> Figure:
    """PCA of all methods' clouds together, in both views; ``reference`` (prompt A) is the linearisation's.

    Methods whose clouds have other rows than A's in number (mixtures, soft couplings) are no matrices: they are in the
    Wasserstein view only.
    """
    figure = new_figure(9.6, 4.6)
    matrices = {name: path for name, path in clouds.items() if all(len(c) == len(reference) for c in path)}
    views = {
        "Frobenius view: rows in their order": (matrices or {"A": [reference]}, flatten_rows),
        "Wasserstein view: linearised optimal transport from A": (clouds, lambda all: linearise(all, reference)),
    }
    for axis, (title, (shown, features)) in zip(figure.subplots(1, 2), views.items(), strict=True):
        projection = project(features([cloud for path in shown.values() for cloud in path]))
        rest = iter(projection.points)
        for method, path in shown.items():
            points = np.array([next(rest) for _ in path])
            axis.plot(*points.T, color=colour(method), marker=marker(method), markersize=4, alpha=0.8, label=method)
            axis.plot(*points[-1], color=colour(method), marker=marker(method), markersize=9, markeredgecolor="black")
        axis.plot(*projection.points[0], "k*", markersize=13)
        axis.annotate("A", projection.points[0], xytext=(8, 8), textcoords="offset points", weight="bold")
        first, second = (f"{share:.0%}" for share in projection.explained)
        axis.set(xlabel=f"PC 1 ({first} of variance)", ylabel=f"PC 2 ({second})")
        axis.set_title(title, fontsize=10)
        axis.set_aspect("equal", adjustable="datalim")
        axis.spines[["top", "right"]].set_visible(False)
    handles, labels = figure.axes[1].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=min(len(labels), 6),
        frameon=False,
        fontsize=9,
        title="large marker: t = 1, where every path renders B's image",
        title_fontsize=9,
    )
    return figure
