"""weights/ → what a word's weight does, as mass and by its rows: drawn, and as the table of docs/weights.md.

Apart for objects that are named first and second in their caption: the text tower is causal, so that rows behind a name
repeat it, and behind the second name stands the background alone. The two answer differently to everything.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.formats import number
from figures.saved import weight_records
from whichway.analysis.pictures.style import new_figure
from whichway.analysis.statistics.estimates import Estimate, estimate_mean, estimate_means

COLOURS = {"mass": "#0072B2", "rows": "#D55E00"}
MARKERS = {"mass": "o", "rows": "s"}
TITLES = {"mass": "mass of the word's rows", "rows": "rows, scaled from the empty prompt's"}
PLACES = ("first", "second")  # in the caption
QUARTER_TO_FOUR = {0.25: "¼", 0.5: "½", 1: "1", 2: "2", 4: "4"}


def draw() -> Figure:
    figure = new_figure(12.6, 5.6)
    rows = figure.subplots(2, 4, sharex="col")
    for place, axes in enumerate(rows):
        _draw_place(axes, place)
    titles = (
        "the judge sees the weighted object",
        "the judge sees the other object",
        "change of the other object's half",
        "as mass, far beyond: both objects",
    )
    for axis, title in zip(rows[0], titles, strict=True):
        axis.set_title(title, fontsize=9)
    for axis in rows[1]:
        axis.set_xlabel("weight of the word")
    handles = rows[0][0].lines[: len(COLOURS)]
    figure.legend(handles, TITLES.values(), frameon=False, fontsize=9, loc="outside lower center", ncols=2)
    return figure


def _draw_place(axes: Sequence[Axes], place: int) -> None:
    saved = weight_records()
    weighted, other, moved, wide = axes
    for axis, measure in ((weighted, "confidence"), (other, "confidence_in_other"), (moved, "other_half_moved")):
        for name in COLOURS:
            _draw_line(axis, saved["weights"], [record[measure] for record in _at(place, "weight", name)], name)
        axis.set_xscale("log", base=2)
        axis.set_xticks([*QUARTER_TO_FOUR], QUARTER_TO_FOUR.values())
    records = _at(place, "wide", "mass")
    _draw_line(wide, saved["wide_weights"], [record["confidence"] for record in records], "mass")
    others = [record["confidence_in_other"] for record in records]
    _draw_line(wide, saved["wide_weights"], others, "mass", linestyle="--", markerfacecolor="white")
    wide.set_xscale("log")
    wide.text(1e-3, 0.3, "dashed: the other object", fontsize=8)
    for axis in (weighted, other, wide):
        axis.set_ylabel("probability")
        axis.set_ylim(-0.03, 1.03)
    weighted.set_ylabel(f"weighted object named {PLACES[place]}\nprobability")
    moved.set_yscale("log")
    moved.set_ylim(0.08, 150)
    moved.set_ylabel("RMS, levels of 255")
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)


def table() -> str:
    """Means over the scenes in which the weighted object is named first, and second, with their intervals."""
    measured = {"weighted object": "confidence", "other object": "confidence_in_other", "its half": "other_half_moved"}
    titles = [f"{title}, {short}" for short in ("as mass", "by rows") for title in measured]
    lines = [f"| named | weight | {' | '.join(titles)} |", f"| --- | --- |{' --- |' * len(titles)}"]
    for place, named in enumerate(PLACES):
        for weight, written in QUARTER_TO_FOUR.items():
            if weight == 1:  # what the others are compared with
                continue
            cells = [
                _cell(_of_weight(_at(place, "weight", name), measure, weight), measure)
                for name in COLOURS
                for measure in measured.values()
            ]
            lines.append(f"| {named} | {written} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _at(place: int, part: str, word_weights: str) -> list[dict]:
    """Records of the scenes whose weighted object is the one at this place of the caption."""
    return [
        record
        for record in weight_records()[part]
        if record["word_weights"] == word_weights and record["scene"]["objects"].index(record["thing"]) == place
    ]


def _of_weight(records: Sequence[dict], measure: str, weight: float) -> Estimate:
    column = weight_records()["weights"].index(weight)
    return estimate_mean(np.array([record[measure][column] for record in records]))


def _cell(estimate: Estimate, measure: str) -> str:
    if measure == "other_half_moved":
        return f"{estimate.value:.1f} ({estimate.low:.1f}–{estimate.high:.1f})"
    constant = estimate.low is None or f"{estimate.low:.2f}" == f"{estimate.high:.2f}"
    return f"{estimate.value:.2f}" if constant else number(estimate)


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
