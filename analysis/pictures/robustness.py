"""Conditions × methods, as numbers on colour: does the ranking of the methods hold in every condition?"""

import pandas as pd
from matplotlib.figure import Figure

from whichway.analysis.counted import counted
from whichway.analysis.pictures.ratio_matrix import draw_ratio_matrix
from whichway.analysis.pictures.style import fill_lines, literal, new_figure
from whichway.analysis.statistics.estimates import Estimate


def draw_robustness(compared: pd.DataFrame, agreement: pd.DataFrame, reference: str, usual: str = "") -> Figure:
    """PPL's ratio to ``reference`` in every condition; bold where the 95 % interval leaves out 1.

    Args:
        compared, agreement: of :mod:`whichway.analysis.study.robustness`.
        usual: the first study's condition in words; rows name what differs from it.
    """
    pairs = compared.groupby("condition", sort=False)["pairs"].first()
    labels = {
        str(name): f"{literal(str(name))}\n{counted(int(pairs[name]), 'pair')}, "
        f"τ = {row.tau:.2f} of {counted(int(row.methods), 'method')}"
        for name, row in agreement.iterrows()
    }
    methods = list(dict.fromkeys(compared["method"]))
    cells = {
        (labels[row.condition], row.method): Estimate(
            row.ratio, *(None if pd.isna(end) else end for end in (row.low, row.high))
        )
        for row in compared.itertuples()
    }
    figure = new_figure(3.2 + 0.8 * len(methods), 1.1 + 0.42 * len(labels))
    axis = draw_ratio_matrix(figure, cells, [*labels.values()], methods)
    axis.set_xticks(range(len(methods)), methods, rotation=35, ha="left", rotation_mode="anchor", fontsize=9)
    axis.set_yticks(range(len(labels)), labels.values(), fontsize=8)
    first = f"Perceptual distance, and what differs from: {literal(usual)}.\n" if usual else ""
    note = f"PPL, ratio to {reference}; bold: the 95 % interval leaves out 1. τ: Kendall's, of the ranking with row 1's"
    figure.supxlabel(fill_lines(first + note, int(11 * figure.get_figwidth())), fontsize=9)
    return figure
