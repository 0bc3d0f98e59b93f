"""What a geodesic costs on a GPU, in seconds and memory, for Stable Diffusion 1.5 and SDXL at their own sizes.

    python -m benchmarks.geodesics --device cuda

With random weights in bfloat16: time and memory follow from shapes. The pipelines, their samplers and text encoders are
diffusers' own; the search is the one of ``whichway compare --methods geodesic``. ``--tiny`` does the same with tiny
pipelines, on any device, to see that it runs.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import click
import torch

from benchmarks.model_sizes import (
    clip_g,
    clip_l,
    default_dtype,
    kl_autoencoder,
    stable_diffusion_1,
    stable_diffusion_xl,
)
from tests import tiny_pipelines
from whichway.analysis.geodesics.find import find_geodesic
from whichway.analysis.geodesics.settings import GeodesicSettings
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import Model, load_model

PROMPTS = "a large fox on a blue background", "a panda on a pink background"
STEPS, NODES = 10, 9
ITERATIONS = 1, 3  # of two searches: the time between them is that of two iterations
USUAL = 20  # iterations of a search, for the pairs an hour


def sd_15() -> Any:
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    with torch.device("cpu"):  # where diffusers has its schedulers' numbers
        scheduler = DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, steps_offset=1)
    parts = {"unet": stable_diffusion_1()[0], "vae": kl_autoencoder(4)(), "text_encoder": clip_l()}
    unused = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    return StableDiffusionPipeline(**parts, tokenizer=tiny_pipelines.clip_tokenizer(), scheduler=scheduler, **unused)


def sdxl() -> Any:
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline

    parts = {"unet": stable_diffusion_xl()[0], "vae": kl_autoencoder(4)()}
    encoders = {"text_encoder": clip_l(), "text_encoder_2": clip_g()}
    tokenizers = {name: tiny_pipelines.clip_tokenizer() for name in ("tokenizer", "tokenizer_2")}
    with torch.device("cpu"):
        scheduler = EulerDiscreteScheduler(beta_schedule="scaled_linear", steps_offset=1, timestep_spacing="leading")
    return StableDiffusionXLPipeline(**parts, **encoders, **tokenizers, scheduler=scheduler, add_watermarker=False)


LARGE: dict[str, Callable[[], Any]] = {"Stable Diffusion 1.5": sd_15, "SDXL": sdxl}
TINY: dict[str, Callable[[], Any]] = {
    "Stable Diffusion, tiny": tiny_pipelines.stable_diffusion,
    "SDXL, tiny": tiny_pipelines.stable_diffusion_xl,
}


@dataclass(frozen=True)
class Cost:
    """Attributes:
    iteration: seconds of one iteration: all images, forth and back.
    rendering: seconds of the same images without gradients.
    memory, weights: bytes, the most that tensors took, and what the model takes of it; 0 on a CPU.
    """

    iteration: float
    rendering: float
    memory: int
    weights: int

    @property
    def pairs_an_hour(self) -> float:
        return 3600 / ((USUAL + 1) * self.iteration)


def measure(model: Model) -> Cost:
    on_gpu = model.device.type == "cuda"
    start, end = model.encode(PROMPTS)
    sampling = Sampling(num_inference_steps=STEPS)
    search(model, start, end, sampling, 1)  # to warm up
    weights = torch.cuda.memory_allocated() if on_gpu else 0
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    fewer, more = (seconds(lambda count=count: search(model, start, end, sampling, count)) for count in ITERATIONS)
    memory = torch.cuda.max_memory_allocated() if on_gpu else 0
    images = [start, *[end] * (NODES - 1)]
    model.render(images[:1], sampling)
    rendering = seconds(lambda: model.render(images, sampling))
    return Cost((more - fewer) / (ITERATIONS[1] - ITERATIONS[0]), rendering, memory, weights)


def search(model: Model, start: Any, end: Any, sampling: Sampling, iterations: int) -> None:
    settings = GeodesicSettings(iterations=iterations, tolerance=0, nodes=NODES)
    find_geodesic(model, start, end, sampling, settings=settings, progress=False)


def seconds(run: Callable[[], object]) -> float:
    begun = perf_counter()
    run()  # ends with numbers on the CPU: nothing is left to be waited for
    return perf_counter() - begun


def built(build: Callable[[], Any], device: torch.device, *, large: bool) -> Model:
    torch.manual_seed(0)
    with device, default_dtype(torch.bfloat16) if large else nullcontext():
        pipeline = build()
    pipeline.set_progress_bar_config(disable=True)
    return load_model(pipeline.to(device))


@click.command()
@click.option("--device", default="cuda", show_default=True)
@click.option("--tiny", is_flag=True, help="Tiny pipelines instead.")
def main(device: str, tiny: bool) -> None:
    """Print a row for each model."""
    place = torch.device(device)
    name = torch.cuda.get_device_name(place) if place.type == "cuda" else "CPU"
    print(f"{NODES} images, {STEPS} steps, guidance, LPIPS; {USUAL} iterations a geodesic")
    print(f"| {name} | s an iteration | without gradients | memory, weights | memory, at most | geodesics an hour |")
    print("| --- " * 6 + "|", flush=True)
    for title, build in (TINY if tiny else LARGE).items():
        model = built(build, place, large=not tiny)
        cost = measure(model)
        times = f"{cost.iteration:.2f} | {cost.rendering:.2f}"
        memory = " | ".join(f"{size / 2**30:.1f} GiB" for size in (cost.weights, cost.memory))
        print(f"| {title} | {times} | {memory} | {cost.pairs_an_hour:.0f} |", flush=True)
        del model


if __name__ == "__main__":
    main()
