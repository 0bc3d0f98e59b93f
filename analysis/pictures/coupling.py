"""Couplings as token tables: which token of A travels to which token of B."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from whichway.analysis.pictures.style import colour, new_figure
from whichway.geometry import Coupling, PointCloud

WIDEST = 24.0  # inches that the tables' cells may take side by side before they shrink


def draw_coupling(couplings: Mapping[str, Coupling], a: PointCloud, b: PointCloud) -> Figure:
    """One table for each coupling; padding rows, all alike, are gathered into one line and counted.

    Cells show how many rows travel from the token on the left (A) to the token above (B).
    """
    if not couplings:
        figure = new_figure(4.8, 1.5)
        figure.text(0.5, 0.5, "none of the chosen methods couples rows", ha="center", va="center")
        return figure
    labels_a, labels_b = ([label.replace("$", r"\$") for label in token_labels(cloud)] for cloud in (a, b))
    cell = float(np.clip(WIDEST / len(couplings) / len(labels_b), 0.12, 0.24))  # inches
    size = 7 * cell / 0.24  # of the letters, in points
    width = (cell * len(labels_b) + 1.1) * len(couplings) + 0.4
    figure = new_figure(max(4.8, width), max(3.0, cell * len(labels_a) + 1.3))
    axes = figure.subplots(1, len(couplings), squeeze=False)[0]
    for axis, (method, coupling) in zip(axes, couplings.items(), strict=True):
        counts = gather_padding(coupling.plan(len(a), len(b)).numpy() * len(a), a.size, b.size)
        counts = counts[: len(labels_a), : len(labels_b)]
        shown = np.minimum(counts, 1)  # a cell of many padding rows is no darker than a word that moves whole
        axis.imshow(shown, cmap="Greys", vmin=0, vmax=1.6, aspect="equal")
        for row, column in zip(*np.nonzero(counts > 0.005), strict=True):
            axis.text(column, row, f"{counts[row, column]:.3g}", ha="center", va="center", fontsize=0.85 * size)
        axis.set_xticks(range(counts.shape[1]), labels_b, rotation=90, fontsize=size)
        axis.set_yticks(range(counts.shape[0]), labels_a, fontsize=size)
        axis.xaxis.tick_top()
        axis.tick_params(length=0)
        axis.set_title(f"{method}: {coupling.share_moved:.0%} of rows moved", color=colour(method), fontsize=9)
    figure.axes[0].set_ylabel("token of A")
    figure.supxlabel("token of B (above), number of rows that travel there", fontsize=8)
    return figure


def gather_padding(plan: Float[np.ndarray, "n m"], size_a: int, size_b: int) -> Float[np.ndarray, "own_a own_b"]:
    """The plan with all padding rows added up into one last row, and all padding columns into one last column."""
    rows = np.vstack([plan[:size_a], plan[size_a:].sum(axis=0, keepdims=True)])
    return np.hstack([rows[:, :size_b], rows[:, size_b:].sum(axis=1, keepdims=True)])


def token_labels(cloud: PointCloud) -> list[str]:
    """The prompt's own tokens, and one name for all of its padding."""
    special = {"<|startoftext|>": "⟨start⟩", "<|endoftext|>": "⟨end⟩"}
    own = [special.get(label, label) for label in cloud.labels[: cloud.size]]
    padding = len(cloud) - cloud.size
    return [*own, f"padding ×{padding}"] if padding else own
