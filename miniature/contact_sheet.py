"""Look at what the miniature draws: random scenes, chosen by seed and not by eye, under their captions."""

from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

from whichway.miniature.captions import plain_caption
from whichway.miniature.evaluate_images import generate
from whichway.miniature.evaluate_parts import draw_scenes
from whichway.miniature.world import Scene

COLUMNS, ROWS = 10, 8
SEEDS = {"trained": 20, "held_out": 21}


def draw_contact_sheets(pipeline: Any, folder: Path, *, steps: int, guidance: float) -> list[Path]:
    """One sheet of trained and one of held-out combinations, a third of the scenes with two objects; where they are."""
    paths = []
    for kind, seed in SEEDS.items():
        scenes = draw_scenes(COLUMNS * ROWS, held_out=kind == "held_out", two_objects=1 / 3, seed=seed)
        images, _ = generate(pipeline, scenes, steps=steps, guidance=guidance)
        path = folder / f"contact_sheet_{kind}.png"
        _lay_out(images, scenes).savefig(path)
        paths.append(path)
    return paths


def _lay_out(images: np.ndarray, scenes: list[Scene]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.25 * COLUMNS, 1.6 * ROWS), dpi=110, layout="constrained")
    for axis, image, scene in zip(figure.subplots(ROWS, COLUMNS).flat, images, scenes, strict=True):
        axis.axis("off")
        axis.imshow(image, interpolation="nearest")
        axis.set_title(fill(plain_caption(scene), 20), fontsize=6)
    return figure
