"""Look at what the miniature draws: ``python -m whichway.miniature.contact_sheet``."""

from pathlib import Path
from textwrap import fill
from typing import Any

import click
import numpy as np
import torch
from tqdm.auto import trange

from whichway.miniature import MODEL
from whichway.miniature.captions import plain_caption
from whichway.miniature.world import BACKGROUNDS, OBJECTS, Scene


def sheet_captions() -> list[str]:
    """Every object once, the backgrounds in turn, then a few pairs."""
    singles = [Scene((name,), BACKGROUNDS[index % len(BACKGROUNDS)]) for index, name in enumerate(OBJECTS)]
    pairs = [
        Scene(("fox", "pizza"), "blue", relation="left of"),
        Scene(("panda", "car"), "yellow", relation="above"),
        Scene(("cat", "house"), "beach", relation="left of"),
        Scene(("rocket", "strawberry"), "night", relation="above"),
        Scene(("dog", "soccer ball"), "green", relation="left of"),
    ]
    return [plain_caption(scene) for scene in singles + pairs]


@click.command(context_settings={"show_default": True})
@click.option("--model", default=MODEL, type=click.Path(path_type=Path), help="A pipeline's folder.")
@click.option("--out", default=Path("contact_sheet.png"), type=click.Path(path_type=Path), help="The picture.")
@click.option("--steps", default=20, help="DDIM steps.")
@click.option("--guidance", default=3.0, help="Classifier-free guidance scale.")
@click.option("--seed", default=0, help="Of the initial noise; one generator for each image.")
def main(model: Path, out: Path, steps: int, guidance: float, seed: int) -> None:
    """Render every object on some background, and a few pairs, and lay them out under their captions."""
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(model, torch_dtype=torch.float32, use_safetensors=True)
    pipeline.set_progress_bar_config(disable=True)
    draw_contact_sheet(pipeline, out, steps=steps, guidance=guidance, seed=seed)
    click.echo(out)


def draw_contact_sheet(pipeline: Any, out: Path, *, steps: int = 20, guidance: float = 3.0, seed: int = 0) -> None:
    """Render :func:`sheet_captions`, each from its own noise, and lay the images out under their captions."""
    from matplotlib.figure import Figure

    captions = sheet_captions()
    images: list[np.ndarray] = []
    for first in trange(0, len(captions), 14, desc="contact sheet"):
        batch = captions[first : first + 14]
        generators = [torch.Generator().manual_seed(seed + first + index) for index in range(len(batch))]
        options = {"num_inference_steps": steps, "guidance_scale": guidance, "output_type": "np"}
        images += list(pipeline(batch, generator=generators, **options).images)
    columns = 10
    rows = -(-len(captions) // columns)
    figure = Figure(figsize=(1.25 * columns, 1.55 * rows), dpi=110, layout="constrained")
    axes = figure.subplots(rows, columns)
    for axis in axes.flat:
        axis.axis("off")
    for axis, caption, image in zip(axes.flat, captions, images, strict=False):
        axis.imshow(np.asarray(image), interpolation="nearest")
        axis.set_title(fill(caption, 20), fontsize=6)
    figure.savefig(out)


if __name__ == "__main__":
    main()
