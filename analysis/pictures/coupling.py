"""Couplings as token tables: which token of A travels to which token of B."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure, SubFigure

from whichway.analysis.pictures.style import colour, new_figure
from whichway.geometry import Coupling, PointCloud

LEAST = 0.005  # rows that a cell shows
WIDEST = 24.0  # inches that the tables' cells may take side by side before they shrink


def draw_coupling(couplings: Mapping[str, Coupling], a: PointCloud, b: PointCloud) -> Figure:
    """One table for each coupling of two clouds; padding rows, all alike, are gathered into one line and counted.

    Cells show how many rows travel from the token on the left (A) to the token above (B).
    """
    return draw_couplings({"": couplings}, {"": a}, {"": b})


def draw_couplings(
    couplings: Mapping[str, Mapping[str, Coupling]], a: Mapping[str, PointCloud], b: Mapping[str, PointCloud]
) -> Figure:
    """The same for the clouds of several encoders: a line of tables for each.

    Args:
        couplings: encoder → method → coupling.
        a, b: encoder → its cloud of A, and of B.
    """
    panels = {encoder: of_encoder for encoder, of_encoder in couplings.items() if of_encoder}
    if not panels:
        figure = new_figure(4.8, 1.5)
        figure.text(0.5, 0.5, "none of the chosen methods couples rows", ha="center", va="center")
        return figure
    labels = {encoder: [_escaped(token_labels(ends[encoder])) for ends in (a, b)] for encoder in panels}
    cells, widths, heights = {}, [], []  # inches
    for encoder, of_encoder in panels.items():
        labels_a, labels_b = labels[encoder]
        cells[encoder] = cell = float(np.clip(WIDEST / len(of_encoder) / len(labels_b), 0.12, 0.24))
        widths.append((cell * len(labels_b) + 1.1) * len(of_encoder) + 0.4)
        heights.append(max(3.0, cell * len(labels_a) + 1.3))
    figure = new_figure(max(4.8, *widths), sum(heights))
    parts: Sequence[Figure | SubFigure] = [figure]
    if len(panels) > 1:
        parts = figure.subfigures(len(panels), 1, height_ratios=heights, squeeze=False)[:, 0].tolist()
    for part, (encoder, of_encoder) in zip(parts, panels.items(), strict=True):
        _draw_tables(part, of_encoder, a[encoder], b[encoder], labels[encoder], cells[encoder])
        if len(panels) > 1:
            part.suptitle(f"rows of {encoder}", fontsize=10, weight="bold", x=0.01, ha="left")
    return figure


def _draw_tables(
    figure: Figure | SubFigure,
    couplings: Mapping[str, Coupling],
    a: PointCloud,
    b: PointCloud,
    labels: Sequence[Sequence[str]],
    cell: float,
) -> None:
    """Side by side, one for each method."""
    labels_a, labels_b = labels
    size = 7 * cell / 0.24  # of the letters, in points
    axes = figure.subplots(1, len(couplings), squeeze=False)[0]
    for axis, (method, coupling) in zip(axes, couplings.items(), strict=True):
        counts = gather_padding(coupling.plan(len(a), len(b)).numpy() * len(a), a.size, b.size)
        counts = counts[: len(labels_a), : len(labels_b)]
        shades = shade(counts)
        axis.imshow(shades, cmap="Greys", vmin=0, vmax=1, aspect="equal")
        for row, column in zip(*np.nonzero(counts > LEAST), strict=True):
            ink = "white" if shades[row, column] > 0.55 else "black"
            number = f"{counts[row, column]:.3g}"
            axis.text(column, row, number, ha="center", va="center", fontsize=0.85 * size, color=ink)
        axis.set_xticks(range(counts.shape[1]), labels_b, rotation=90, fontsize=size)
        axis.set_yticks(range(counts.shape[0]), labels_a, fontsize=size)
        axis.xaxis.tick_top()
        axis.tick_params(length=0)
        axis.set_title(f"{method}: {coupling.share_moved:.0%} of rows moved", color=colour(method), fontsize=9)
    axes[0].set_ylabel("token of A")
    figure.supxlabel("token of B (above), number of rows that travel there; the more, the darker", fontsize=8)


def shade(counts: Float[np.ndarray, "own_a own_b"]) -> Float[np.ndarray, "own_a own_b"]:
    """Of each cell, from 0 (white) to 1 (black): from one row on by the logarithm of how many there are."""
    most = max(float(counts.max(initial=0)), 2.0)
    several = 0.25 + 0.6 * np.log(np.maximum(counts, 1)) / np.log(most)
    return np.where(counts > LEAST, np.minimum(0.08 + 0.17 * counts, several), 0.0)


def _escaped(labels: Sequence[str]) -> list[str]:
    return [label.replace("$", r"\$") for label in labels]


def gather_padding(plan: Float[np.ndarray, "n m"], size_a: int, size_b: int) -> Float[np.ndarray, "own_a own_b"]:
    """The plan with all padding rows added up into one last row, and all padding columns into one last column."""
    rows = np.vstack([plan[:size_a], plan[size_a:].sum(axis=0, keepdims=True)])
    return np.hstack([rows[:, :size_b], rows[:, size_b:].sum(axis=1, keepdims=True)])


def token_labels(cloud: PointCloud) -> list[str]:
    """The prompt's own tokens, and one name for all of its padding."""
    special = {"<|startoftext|>": "⟨start⟩", "<|endoftext|>": "⟨end⟩"}
    own_labels = [special.get(label, label) for label in cloud.labels[: cloud.size]]
    padding = len(cloud) - cloud.size
    return [*own_labels, f"padding ×{padding}"] if padding else own_labels
