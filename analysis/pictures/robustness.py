"""Conditions × methods, as numbers on colour: does the ranking hold?"""

import numpy as np
import pandas as pd
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from whichway.analysis.pictures.style import new_figure


def draw_robustness(compared: pd.DataFrame, agreement: pd.Series, reference: str) -> Figure:
    """PPL's ratio to ``reference`` in every condition; bold where the 95 % interval leaves out 1."""
    conditions, methods = list(dict.fromkeys(compared["condition"])), list(dict.fromkeys(compared["method"]))
    cells = compared.set_index(["condition", "method"])
    ratios = cells["ratio"].unstack()[methods].loc[conditions].to_numpy()
    figure = new_figure(4.2 + 0.75 * len(methods), 1.9 + 0.32 * len(conditions))
    axis = figure.subplots()
    spread = max(0.05, float(np.nanmax(np.abs(np.log(ratios)))))
    norm = TwoSlopeNorm(0, -spread, spread)
    shown = axis.imshow(np.log(ratios), cmap="RdBu_r", norm=norm, aspect="auto", alpha=0.75)
    for row, condition in enumerate(conditions):
        for column, method in enumerate(methods):
            if (condition, method) not in cells.index:
                continue
            cell = cells.loc[(condition, method)]
            sure = cell["low"] is not None and (cell["high"] < 1 or cell["low"] > 1)
            weight = "bold" if sure else "normal"
            axis.text(column, row, f"{cell['ratio']:.2f}", ha="center", va="center", fontsize=9, weight=weight)
    pairs = compared.groupby("condition")["pairs"].first()
    labels = [f"{name} ({pairs[name]} pairs, τ = {agreement[name]:.2f})" for name in conditions]
    axis.set_xticks(range(len(methods)), methods, rotation=35, ha="left", rotation_mode="anchor", fontsize=9)
    axis.xaxis.tick_top()
    axis.set_yticks(range(len(conditions)), labels, fontsize=9)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    axis.set_xlabel(f"PPL, ratio to {reference}; bold: the 95 % interval leaves out 1", fontsize=10)
    ticks = np.linspace(-spread, spread, 5)
    bar = figure.colorbar(shown, ax=axis, ticks=ticks, shrink=0.8)
    bar.ax.set_yticklabels([f"{np.exp(tick):.2f}" for tick in ticks], fontsize=8)
    return figure
