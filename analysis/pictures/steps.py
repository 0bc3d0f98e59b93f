"""Perceptual step against t: where along the path the image changes, and how evenly."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from matplotlib.figure import Figure

from whichway.analysis.pictures.style import colour, marker, new_figure
from whichway.analysis.smoothness.measures import Smoothness


def draw_steps(
    steps: Mapping[str, Sequence[float]],
    smoothness: Mapping[str, Smoothness],
    times: Mapping[str, Sequence[float]],
    distance: str,
) -> Figure:
    """Each d_k = D(I_k, I_k+1) over the middle of its interval; a perfectly even path would be a flat line."""
    figure = new_figure(6.4, 3.8)
    axis = figure.subplots()
    for method, values in steps.items():
        measured = smoothness[method]
        worst = "undefined" if measured.worst_step is None else f"{measured.worst_step:.2f}"
        axis.plot(
            [(before + after) / 2 for before, after in pairwise(times[method])],
            values,
            marker=marker(method),
            markersize=5,
            color=colour(method),
            label=f"{method}: PPL {measured.ppl:.2f}, worst step {worst}",
        )
    axis.set(xlim=(0, 1), xlabel="t", ylabel=f"perceptual step ({distance})")
    axis.set_ylim(bottom=0)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)
    return figure
