"""weights/ → what a word's weight does, as mass and by its rows."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.saved import weight_records
from whichway.analysis.pictures.style import new_figure
from whichway.analysis.statistics.estimates import estimate_means

COLOURS = {"mass": "#0072B2", "rows": "#D55E00"}
MARKERS = {"mass": "o", "rows": "s"}
TITLES = {"mass": "mass of the word's rows", "rows": "rows, scaled from the empty prompt's"}
QUARTER_TO_FOUR = [0.25, 0.5, 1, 2, 4]


def draw() -> Figure:
    saved = weight_records()
    figure = new_figure(12.6, 3.2)
    weighted, other, moved, wide = figure.subplots(1, 4)
    for axis, measure in ((weighted, "confidence"), (other, "confidence_in_other"), (moved, "other_half_moved")):
        for name in COLOURS:
            values = [record[measure] for record in saved["weight"] if record["word_weights"] == name]
            _draw_line(axis, saved["weights"], values, name)
        axis.set_xscale("log", base=2)
        axis.set_xticks(QUARTER_TO_FOUR, ["¼", "½", "1", "2", "4"])
    _draw_line(wide, saved["wide_weights"], [record["confidence"] for record in saved["wide"]], "mass")
    others = [record["confidence_in_other"] for record in saved["wide"]]
    _draw_line(wide, saved["wide_weights"], others, "mass", linestyle="--", markerfacecolor="white")
    wide.set_xscale("log")
    wide.text(1e-3, 0.3, "dashed: the other object", fontsize=8)
    for axis in (weighted, other, wide):
        axis.set_ylabel("probability")
        axis.set_ylim(-0.03, 1.03)
    moved.set_yscale("log")
    moved.set_ylabel("RMS, levels of 255")
    titles = (
        "the judge sees the weighted object",
        "the judge sees the other object",
        "change of the other object's half",
        "as mass, far beyond: both objects",
    )
    for axis, title in zip((weighted, other, moved, wide), titles, strict=True):
        axis.set_title(title, fontsize=9)
        axis.set_xlabel("weight of the word")
        axis.spines[["top", "right"]].set_visible(False)
    handles = weighted.lines[: len(COLOURS)]
    figure.legend(handles, TITLES.values(), frameon=False, fontsize=9, loc="outside lower center", ncols=2)
    return figure


def _draw_line(axis: Axes, weights: Sequence[float], values: Sequence[Sequence[float]], name: str, **style) -> None:
    """Means over scenes with their 95 % intervals; what is zero by definition (a change from itself) is left out."""
    table = np.array(values)
    shown = ~(table == 0).all(axis=0)
    estimates = estimate_means(table[:, shown])
    mean = [estimate.value for estimate in estimates]
    low = [estimate.value if estimate.low is None else estimate.low for estimate in estimates]
    high = [estimate.value if estimate.high is None else estimate.high for estimate in estimates]
    places = np.array(weights)[shown]
    axis.fill_between(places, low, high, color=COLOURS[name], alpha=0.2, linewidth=0)
    axis.plot(places, mean, marker=MARKERS[name], markersize=4, color=COLOURS[name], **style)
