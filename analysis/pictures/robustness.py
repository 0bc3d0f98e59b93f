"""Methods × conditions, as numbers on colour: does the ranking hold?"""

import numpy as np
import pandas as pd
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from analysis.pictures.style import new_figure


def draw_robustness(compared: pd.DataFrame, agreement: pd.Series, reference: str) -> Figure:
    """PPL's ratio to ``reference`` in every condition; bold where the 95 % interval leaves out 1."""
    conditions, methods = list(dict.fromkeys(compared["condition"])), list(dict.fromkeys(compared["method"]))
    cells = compared.set_index(["method", "condition"])
    ratios = cells["ratio"].unstack()[conditions].loc[methods].to_numpy()
    figure = new_figure(2.6 + 1.5 * len(conditions), 1.6 + 0.36 * len(methods))
    axis = figure.subplots()
    spread = max(0.05, float(np.nanmax(np.abs(np.log(ratios)))))
    norm = TwoSlopeNorm(0, -spread, spread)
    shown = axis.imshow(np.log(ratios), cmap="RdBu_r", norm=norm, aspect="auto", alpha=0.75)
    for row, method in enumerate(methods):
        for column, condition in enumerate(conditions):
            if (method, condition) not in cells.index:
                continue
            cell = cells.loc[(method, condition)]
            sure = cell["low"] is not None and (cell["high"] < 1 or cell["low"] > 1)
            weight = "bold" if sure else "normal"
            axis.text(column, row, f"{cell['ratio']:.3f}", ha="center", va="center", fontsize=9, weight=weight)
    labels = [f"{name.replace(', ', chr(10))}\nτ = {agreement[name]:.2f}" for name in conditions]
    axis.set_xticks(range(len(conditions)), labels, fontsize=8)
    axis.set_yticks(range(len(methods)), methods)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    axis.set_title(f"PPL, ratio to {reference}; bold: the 95 % interval leaves out 1", fontsize=10)
    ticks = np.linspace(-spread, spread, 5)
    bar = figure.colorbar(shown, ax=axis, ticks=ticks, shrink=0.8)
    bar.ax.set_yticklabels([f"{np.exp(tick):.2f}" for tick in ticks], fontsize=8)
    return figure
