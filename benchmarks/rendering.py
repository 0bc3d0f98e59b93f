"""Rendering a path against frame by frame, and what each option changes. ``python -m benchmarks.rendering``

With ``--sdxl tiny`` or ``--sdxl middle``: the same on an SDXL with random weights.

The floor is the denoiser and the decoder alone, called on the same batches without a pipeline around them.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import click
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.timing import interleaved
from whichway.analysis.images.batch_size import fitting_batch_size
from whichway.analysis.images.noise import initial_noise
from whichway.analysis.images.rendering import render
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import Model, load_model
from whichway.analysis.paths.chosen_method import ChosenMethod
from whichway.analysis.paths.conditioning_path import join
from whichway.analysis.prompts.encoding import encode
from whichway.geometry import PointCloud, build_path, uniform_times

PROMPTS = ("a large fox on a blue background", "a panda on a pink background")
FRAMES = 32
SAMPLING = Sampling(num_inference_steps=20, guidance_scale=3.0)
STEPS_OF_SDXL = 4


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


#: an SDXL's UNet of about 100 million parameters, with SDXL's kinds of layers
MIDDLE = {
    "sample_size": 32,
    "block_out_channels": (128, 256, 448),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "attention_head_dim": (2, 4, 7),
    "transformer_layers_per_block": (1, 1, 4),
    "norm_num_groups": 32,
}


def sdxl_paths(size: str, rounds: int) -> None:
    """A path of an SDXL with random weights, through ``render`` and one by one."""
    from tests.tiny_pipelines import stable_diffusion_xl

    model = Model(f"SDXL, {size}", stable_diffusion_xl(MIDDLE if size == "middle" else None))
    path = join("optimal", ChosenMethod("optimal"), *model.encode(PROMPTS), model=model)
    conditionings = [path(t) for t in uniform_times(FRAMES)]
    sampling = replace(SAMPLING, num_inference_steps=STEPS_OF_SDXL, guidance_scale=5.0, negative_prompt="")

    def one_by_one() -> np.ndarray:
        frames = [
            model.pipeline(
                prompt_embeds=conditioning.cloud.rows[None],
                pooled_prompt_embeds=conditioning.vectors["pooled"][None],
                generator=torch.Generator().manual_seed(sampling.seed),
                num_inference_steps=sampling.num_inference_steps,
                guidance_scale=sampling.guidance_scale,
                negative_prompt="",
                output_type="np",
            ).images[0]
            for conditioning in conditionings
        ]
        return (np.stack(frames) * 255).round().astype(np.uint8)

    ours = partial(render, model, conditionings, sampling)
    error = furthest(ours(), one_by_one())  # warms up too
    times = interleaved({"one by one": one_by_one, "render()": ours}, rounds)
    parameters = sum(parameter.numel() for parameter in model.denoiser.parameters()) / 1e6
    Console().print(
        f"SDXL with random weights, {parameters:.1f} M parameters in its UNet, {FRAMES} frames, "
        f"{sampling.num_inference_steps} steps with guidance, {torch.get_num_threads()} threads: "
        f"one by one {1000 * times['one by one'] / FRAMES:.0f} ms a frame, render() "
        f"{1000 * times['render()'] / FRAMES:.0f} ms, {times['one by one'] / times['render()']:.2f} times as fast; "
        f"largest pixel difference {error}/255"
    )


def without_channels_last() -> Model:
    model = load_model()
    for part in (model.pipeline.unet, model.pipeline.vae):
        part.to(memory_format=torch.contiguous_format)
    return model


@click.command(context_settings={"show_default": True})
@click.option("--rounds", default=3, help="Interleaved repetitions.")
@click.option("--sdxl", type=click.Choice(["tiny", "middle"]), help="Instead of the miniature.")
def main(rounds: int, sdxl: str | None) -> None:
    """32 frames of a path on the miniature, 20 steps with guidance."""
    if sdxl:
        sdxl_paths(sdxl, rounds)
        return
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
