"""Ratios with their intervals as a matrix: numbers on colour that can also be read without the colour."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from whichway.analysis.statistics.estimates import Estimate

LIMITS = (0.08, 0.47)  # of the logarithm, where colour saturates: a few strata far off leave the others their colour


def draw_ratio_matrix(
    figure: Figure,
    cells: Mapping[tuple[str, str], Estimate],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    intervals: bool = True,
) -> Axes:
    """One cell for each (row, column) of ``cells``: blue below 1, red above; bold where the interval leaves out 1.

    Args:
        intervals: write them below their numbers.
    """
    axis = figure.subplots()
    logs = np.full((len(rows), len(columns)), np.nan)
    for (row, column), ratio in cells.items():
        logs[rows.index(row), columns.index(column)] = np.log(ratio.value) if ratio.value > 0 else np.nan
    known = np.abs(logs[np.isfinite(logs)])
    limit = float(np.clip(1.5 * np.quantile(known, 0.95), *LIMITS)) if len(known) else LIMITS[0]
    axis.imshow(logs, cmap="RdBu_r", norm=TwoSlopeNorm(0, -limit, limit), aspect="auto")
    for (row, column), ratio in cells.items():
        place = columns.index(column), rows.index(row)
        weight = "bold" if ratio.leaves_out(1) else "normal"
        dark = abs(logs[place[1], place[0]]) > 0.65 * limit
        ink: dict[str, Any] = {"ha": "center", "color": "white" if dark else "black"}
        with_interval = intervals and ratio.low is not None
        axis.text(
            place[0],
            place[1] - 0.02 * with_interval,
            "–" if np.isnan(ratio.value) else f"{ratio.value:.2f}",
            va="bottom" if with_interval else "center",
            fontsize=9,
            weight=weight,
            **ink,
        )
        if with_interval:
            axis.text(*place, f"{ratio.low:.2f}–{ratio.high:.2f}", va="top", fontsize=7, **ink)
    _explain_empty(axis, np.array([[(row, column) in cells for column in columns] for row in rows]))
    axis.set_xticks(range(len(columns)), columns, fontsize=9)
    axis.xaxis.tick_top()
    axis.set_yticks(range(len(rows)), rows, fontsize=9)
    axis.set_xticks(np.arange(len(columns) - 1) + 0.5, minor=True)
    axis.set_yticks(np.arange(len(rows) - 1) + 0.5, minor=True)
    axis.grid(which="minor", color="white", linewidth=1.5)
    axis.spines[:].set_visible(False)
    axis.tick_params(which="both", length=0)
    return axis


def _explain_empty(axis: Axes, measured: np.ndarray) -> None:
    """Cells that were not measured are hatched; the largest block of them says so in words."""
    for row, column in np.argwhere(~measured):
        cell = Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor="0.97", edgecolor="0.86", hatch="//", linewidth=0)
        axis.add_patch(cell)
    block = _largest_block(~measured)
    if block:
        top, bottom, left, right = block
        lines = "not measured:\nother conditions\nhave fewer methods" if bottom > top else "not measured"
        box = {"boxstyle": "round", "facecolor": "white", "edgecolor": "none"}
        form: dict[str, Any] = {
            "ha": "center",
            "va": "center",
            "fontsize": 9 if right > left else 7,
            "color": "0.3",
            "bbox": box,
        }
        axis.text((left + right) / 2, (top + bottom) / 2, lines, **form)


def _largest_block(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """First and last row, first and last column of the largest rectangle of True; None where there is none."""
    best, block = 0, None
    for top in range(mask.shape[0]):
        whole = np.ones(mask.shape[1], dtype=bool)
        for bottom in range(top, mask.shape[0]):
            whole &= mask[bottom]
            edges = np.flatnonzero(np.diff(np.concatenate([[False], whole, [False]])))
            for left, end in edges.reshape(-1, 2).tolist():
                if (bottom - top + 1) * (end - left) > best:
                    best, block = (bottom - top + 1) * (end - left), (top, bottom, left, end - 1)
    return block
