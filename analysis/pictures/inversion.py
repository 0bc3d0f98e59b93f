"""Photographs, what the autoencoder keeps of them, and the images of what was found."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from whichway.analysis.pictures.style import new_figure

Picture = UInt8[np.ndarray, "height width 3"]
SIDE = 1.5  # inches


@dataclass(frozen=True, eq=False)
class InvertedPictures:
    """Of one photograph.

    Attributes:
        captions: below photograph, reconstruction and inverted image, drawn as they are.
    """

    photograph: Picture
    reconstruction: Picture
    inverted: Picture
    captions: tuple[str, str, str]


def draw_inversions(inversions: Sequence[InvertedPictures], *, columns: int = 1) -> Figure:
    """photograph | autoencoder | found, one inversion under the other, in so many columns; every pixel as it is."""
    rows = -(-len(inversions) // columns)
    figure = new_figure(3 * SIDE * columns + 0.25 * (columns - 1), (SIDE + 0.32) * rows + 0.25)
    axes = figure.subplots(rows, 3 * columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for index, inversion in enumerate(inversions):
        row, column = divmod(index, columns)
        pictures = (inversion.photograph, inversion.reconstruction, inversion.inverted)
        titles = ("photograph", "autoencoder", "inversion")
        for k, (picture, caption, title) in enumerate(zip(pictures, inversion.captions, titles, strict=True)):
            axis = axes[row, 3 * column + k]
            axis.imshow(picture, interpolation="nearest")
            axis.text(0.5, -0.03, caption, transform=axis.transAxes, ha="center", va="top", fontsize=7)
            if not row:
                axis.set_title(title, fontsize=9)
    return figure
