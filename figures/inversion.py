"""inversion/ → painted scenes beside what was found for them, and a path between two of them beside their captions'."""

import json

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure
from PIL import Image

from figures.saved import HERE
from whichway.analysis.pictures.style import colour, new_figure

SIDE, COLUMNS, INCHES = 64, 3, 0.86  # pixels of a picture; scenes beside each other; of a picture
TITLES = ("painted", "autoencoder", "inverted")
KINDS = {"inversions": "between inversions", "captions": "between captions"}


def draw() -> Figure:
    records = json.loads((HERE / "inversion" / "records.json").read_text(encoding="utf-8"))
    scenes, paths = records["scenes"], records["paths"]
    rows = -(-len(scenes) // COLUMNS)
    methods = list(paths["inversions"]["methods"])
    strips = len(KINDS) * len(methods)
    heights = [(INCHES + 0.17) * rows + 0.4, (INCHES + 0.05) * strips + 0.35]
    figure = new_figure(INCHES * 3 * COLUMNS + 0.5, sum(heights))
    above, below = figure.subfigures(2, 1, height_ratios=heights)
    _draw_scenes(above, _pictures("scenes", len(TITLES)), scenes, rows)
    above.suptitle("Below each picture: PSNR and LPIPS to the painted one", fontsize=9)
    first, second = (scenes[k]["caption"] for k in paths["scenes"])
    below.suptitle(f"From {first} to {second}", fontsize=9)
    _draw_paths(below, paths, methods)
    return figure


def _draw_scenes(figure: Figure, pictures: np.ndarray, scenes: list[dict], rows: int) -> None:
    axes = figure.subplots(rows, 3 * COLUMNS, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for index, scene in enumerate(scenes):
        row, column = divmod(index, COLUMNS)
        lines = ["", *(f"{scene[k]['psnr']:.1f} dB, {scene[k]['distance']:.3f}" for k in ("autoencoder", "inverted"))]
        for k, line in enumerate(lines):
            axis = axes[row, 3 * column + k]
            axis.imshow(pictures[index, k], interpolation="nearest")
            axis.text(0.5, -0.04, line, transform=axis.transAxes, ha="center", va="top", fontsize=6)
            if not row:
                axis.set_title(TITLES[k], fontsize=8, pad=3)


def _draw_paths(figure: Figure, paths: dict, methods: list[str]) -> None:
    strips = {kind: _pictures(f"path-{kind}", None) for kind in KINDS}
    frames = strips["inversions"].shape[1]
    axes = figure.subplots(len(KINDS) * len(methods), frames, squeeze=False)
    lines = [(kind, k, method) for kind in KINDS for k, method in enumerate(methods)]
    for row, (kind, k, method) in zip(axes, lines, strict=True):
        for axis, picture in zip(row, strips[kind][k], strict=True):
            axis.imshow(picture, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        length = _length(paths[kind]["methods"][method])
        label = f"{KINDS[kind]}\n{method}\nPPL {length:.2f}"
        row[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=7, color=colour(method))


def _length(result: dict) -> float:
    return float(result["smoothness"]["ppl"] if "smoothness" in result else result["ppl"])


def _pictures(name: str, columns: int | None) -> UInt8[np.ndarray, "rows columns side side 3"]:
    """One large picture, cut."""
    pixels = np.asarray(Image.open(HERE / "inversion" / f"{name}.png").convert("RGB"))
    rows, columns = pixels.shape[0] // SIDE, columns or pixels.shape[1] // SIDE
    return pixels.reshape(rows, SIDE, columns, SIDE, 3).transpose(0, 2, 1, 3, 4)
