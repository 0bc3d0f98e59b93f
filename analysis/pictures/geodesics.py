"""Several pairs one under another: the film strips of each method, and the energy of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from whichway.analysis.pictures.frames import frame_dpi, show_frame
from whichway.analysis.pictures.style import colour, new_figure, quoted


@dataclass(frozen=True)
class PairOfStrips:
    """Between two prompts.

    Attributes:
        frames: method → (frames, height, width, 3).
        energies: method → T·Σ d².
    """

    prompt_a: str
    prompt_b: str
    frames: Mapping[str, UInt8[np.ndarray, "frames height width 3"]]
    energies: Mapping[str, float]


def draw_geodesics(pairs: Sequence[PairOfStrips], distance: str) -> Figure:
    """Rows of frames, one for each method, a block for each pair; energies under ``distance`` at the right."""
    columns = max(len(strip) for pair in pairs for strip in pair.frames.values())
    rows = sum(len(pair.frames) for pair in pairs)
    width, height = 0.9 * columns + 3.0, 0.92 * rows + 0.4 * len(pairs)
    pixels = next(iter(pairs[0].frames.values())).shape[2]
    figure = new_figure(width, height, dpi=frame_dpi(pixels, 0.9, max(width, height)))
    for block, pair in zip(np.ravel(np.asarray(figure.subfigures(len(pairs), 1))), pairs, strict=True):
        block.suptitle(f"{quoted(pair.prompt_a, 200)} → {quoted(pair.prompt_b, 200)}", fontsize=9)
        axes = block.subplots(len(pair.frames), columns, squeeze=False)
        for row, (method, strip) in zip(axes, pair.frames.items(), strict=True):
            for axis in row:
                axis.axis("off")
            for axis, picture in zip(row, strip, strict=False):
                show_frame(axis, picture, 0.8)
            label = {"transform": row[0].transAxes, "ha": "right", "va": "center", "fontsize": 9}
            row[0].text(-0.08, 0.5, method, color=colour(method), weight="bold", **label)
            energy = f"energy {pair.energies[method]:.3f}\n({distance})"
            row[-1].text(1.08, 0.5, energy, transform=row[-1].transAxes, va="center", fontsize=9)
    return figure
