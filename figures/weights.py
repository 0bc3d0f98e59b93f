"""weights/ → what a word's weight does, as mass and by its rows."""

import numpy as np
from matplotlib.figure import Figure

from figures.saved import weight_records
from whichway.analysis.pictures.style import new_figure
from whichway.analysis.statistics.estimates import estimate_means

COLOURS = {"mass": "#0072B2", "rows": "#D55E00"}
TITLES = {"mass": "mass of the word's rows", "rows": "rows, scaled from the empty prompt's"}
PANELS = {
    "confidence": "the judge sees the weighted object",
    "confidence_in_other": "the judge sees the other object",
    "other_half_moved": "change of the other object's half",
}


def draw() -> Figure:
    saved = weight_records()
    weights = np.array(saved["weights"])
    figure = new_figure(9.6, 3.1)
    axes = figure.subplots(1, len(PANELS))
    for axis, (measure, title) in zip(axes, PANELS.items(), strict=True):
        for name, colour in COLOURS.items():
            own = np.array([record[measure] for record in saved["weight"] if record["word_weights"] == name])
            estimates = estimate_means(own)
            mean = [estimate.value for estimate in estimates]
            low = [estimate.value if estimate.low is None else estimate.low for estimate in estimates]
            high = [estimate.value if estimate.high is None else estimate.high for estimate in estimates]
            axis.fill_between(weights, low, high, color=colour, alpha=0.2, linewidth=0)
            axis.plot(weights, mean, marker="o" if name == "mass" else "s", markersize=4, color=colour)
        axis.set_xscale("log", base=2)
        axis.set_xticks([0.25, 0.5, 1, 2, 4], ["¼", "½", "1", "2", "4"])
        axis.set_title(title, fontsize=9)
        axis.set_xlabel("weight of the word")
        axis.spines[["top", "right"]].set_visible(False)
        if "moved" in measure:
            axis.set_ylabel("RMS, levels of 255")
            axis.set_ylim(bottom=0)
        else:
            axis.set_ylabel("probability")
            axis.set_ylim(-0.03, 1.03)
    handles = [axes[0].lines[place] for place in range(len(COLOURS))]
    figure.legend(handles, TITLES.values(), frameon=False, fontsize=9, loc="outside lower center", ncols=2)
    return figure
