"""weights/ → long prompts: cut off or in chunks, and what a chunk should weigh."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.saved import weight_records
from whichway.analysis.pictures.style import new_figure
from whichway.analysis.statistics.estimates import Estimate, estimate_means

#: reading → colour, marker, what it is
READINGS = {
    "truncate": ("#999999", "o", "cut off"),
    "own-tokens": ("#0072B2", "D", "chunks, masses own-tokens"),
    "own-rows": ("#009E73", "^", "chunks, masses own-rows"),
    "equal": ("#D55E00", "s", "chunks, masses equal"),
}
POSITIONS = 77
LEAST = 1e-6  # LPIPS below which two pictures are the same


def draw() -> Figure:
    figure = new_figure(9.6, 3.4)
    lengths, boundary = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_lengths(lengths)
    _draw_boundary(boundary)
    handles, labels = lengths.get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, fontsize=9, loc="outside lower center", ncols=4)
    return figure


def _draw_lengths(axis: Axes) -> None:
    saved = weight_records()
    for name, (colour, marker, title) in READINGS.items():
        own = np.array([record["confidence"] for record in saved["long"] if record["reading"] == name])
        estimates = estimate_means(own)
        low, high = zip(*map(_interval, estimates), strict=True)
        axis.fill_between(saved["lengths"], low, high, color=colour, alpha=0.15, linewidth=0)
        mean = [estimate.value for estimate in estimates]
        axis.plot(saved["lengths"], mean, color=colour, marker=marker, markersize=5, label=title)
    axis.axvline(POSITIONS, color="black", linewidth=0.8, linestyle=":")
    axis.text(POSITIONS - 1, 0.02, f"{POSITIONS} positions", fontsize=8, rotation=90, ha="right", va="bottom")
    axis.set(xlabel="tokens of the prompt, whose last words name the object", ylabel="probability", ylim=(-0.03, 1.03))
    axis.set_title("the judge sees the object", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)


def _draw_boundary(axis: Axes) -> None:
    changes = [record["changes"] for record in weight_records()["boundary"]]
    chunked = [name for name in READINGS if name != "truncate"]
    names = {"room": "where there is room"}
    names |= {name: f"a chunk begins, {name}" for name in chunked}
    names |= {f"break, {name}": f"behind BREAK, {name}" for name in chunked}
    for place, name in enumerate(names):
        reading = name.removeprefix("break, ")
        colour, marker = READINGS[reading][:2] if reading in READINGS else ("#000000", "o")
        logs = np.log(np.maximum([change[name] for change in changes], LEAST))
        [estimate] = estimate_means(logs[:, None])
        low, high = np.exp(_interval(estimate))
        axis.plot(np.exp(logs), np.full(len(logs), place), ".", color=colour, alpha=0.3, markersize=5)
        axis.plot([low, high], [place, place], color=colour, linewidth=2)
        axis.plot(np.exp(estimate.value), place, marker, color=colour, markersize=6)
    axis.set_xscale("log")
    axis.set_yticks(range(len(names)), names.values(), fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("LPIPS")
    axis.set_title("how far one more word moves the picture", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)


def _interval(estimate: Estimate) -> tuple[float, float]:
    """Where there is none, the value itself."""
    if estimate.low is None or estimate.high is None:
        return estimate.value, estimate.value
    return estimate.low, estimate.high
