"""Rendering a path against frame by frame, and what each option changes. ``python -m benchmarks.rendering``

The floor is the denoiser and the decoder alone, called on the same batches without a pipeline around them.
"""

from collections.abc import Callable
from functools import partial

import click
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.timing import interleaved
from whichway.analysis.images.noise import initial_noise
from whichway.analysis.images.rendering import fitting_batch_size, render
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import Model, load_model
from whichway.analysis.prompts.encoding import encode
from whichway.geometry import PointCloud, build_path, uniform_times

PROMPTS = ("a large fox on a blue background", "a panda on a pink background")
FRAMES = 32
SAMPLING = Sampling()


def path_clouds(model: Model) -> list[PointCloud]:
    path = build_path("optimal", *(encode(model, prompt) for prompt in PROMPTS))
    return [path(t) for t in uniform_times(FRAMES)]


def one_by_one(model: Model, clouds: list[PointCloud]) -> np.ndarray:
    """As interpolation scripts commonly do."""
    noise = initial_noise(model, SAMPLING.seed)
    frames = [
        model.pipeline(
            prompt_embeds=cloud.rows[None],
            negative_prompt="",
            latents=noise.clone(),
            num_inference_steps=SAMPLING.num_inference_steps,
            guidance_scale=SAMPLING.guidance_scale,
            output_type="np",
        ).images[0]
        for cloud in clouds
    ]
    return (np.stack(frames) * 255).round().astype(np.uint8)


@torch.inference_mode()
def model_alone(model: Model, clouds: list[PointCloud]) -> None:
    pipeline, size = model.pipeline, fitting_batch_size(model)
    for first in range(0, len(clouds), size):
        rows = torch.stack([cloud.rows for cloud in clouds[first : first + size]])
        noise = initial_noise(model, 0).repeat(2 * len(rows), 1, 1, 1)
        for time in range(SAMPLING.num_inference_steps):
            pipeline.unet(noise, time, encoder_hidden_states=rows.repeat(2, 1, 1))
        pipeline.vae.decode(noise[: len(rows)])


def without_channels_last() -> Model:
    model = load_model()
    for part in (model.pipeline.unet, model.pipeline.vae):
        part.to(memory_format=torch.contiguous_format)
    return model


@click.command(context_settings={"show_default": True})
@click.option("--rounds", default=3, help="Interleaved repetitions.")
def main(rounds: int) -> None:
    """32 frames of a path on the miniature, 20 steps with guidance."""
    model = load_model()
    clouds = path_clouds(model)
    variants = {
        "render()": model,
        "rows before channels in memory": without_channels_last(),
        "--compile": load_model(compiled=True),
        "--dtype bfloat16": load_model(dtype="bfloat16"),
    }
    actions: dict[str, Callable[[], object]] = {
        "rival: pipe(prompt_embeds=…), one by one": partial(one_by_one, model, clouds),
        "floor: denoiser and decoder alone": partial(model_alone, model, clouds),
    } | {name: partial(render, each, clouds, SAMPLING) for name, each in variants.items()}
    for action in actions.values():
        action()  # warm up, compile
    times = interleaved(actions, rounds)
    rival = one_by_one(model, clouds)
    pixels = {name: furthest(render(each, clouds, SAMPLING), rival) for name, each in variants.items()}
    show(times, pixels)


def furthest(images: np.ndarray, others: np.ndarray) -> int:
    return int(np.abs(images.astype(int) - others.astype(int)).max())


def show(times: dict[str, float], pixels: dict[str, int]) -> None:
    rival, floor, *_ = times.values()
    table = Table("", "ms a frame", "times as fast as the rival", "× floor", "largest pixel difference, of 255")
    table.title = f"{FRAMES} frames of a path on the miniature"
    for name, value in times.items():
        error = str(pixels[name]) if name in pixels else "–"
        table.add_row(name, f"{1000 * value / FRAMES:.0f}", f"{rival / value:.2f}", f"{value / floor:.2f}", error)
    Console().print(table)


if __name__ == "__main__":
    main()
