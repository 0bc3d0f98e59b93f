"""Cloud → image: the frozen diffusion model, the same initial noise for every frame of every path."""

import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import psutil
import torch
from jaxtyping import UInt8
from torch.nn.utils.rnn import pad_sequence

from whichway.analysis.errors import UserError
from whichway.analysis.images.attention_interpolation import attend_to_ends, warm_up_steps
from whichway.analysis.images.conditioning_cache import keys_and_values_once
from whichway.analysis.images.weighted_attention import attend_with_weights
from whichway.analysis.models.model import Model
from whichway.analysis.paths.attention_interpolation import AttendedCloud
from whichway.analysis.prompts.encoding import encode
from whichway.geometry import PointCloud

Images = UInt8[np.ndarray, "frames height width 3"]
LARGEST_BATCH = 16  # beyond which a frame gets no cheaper


@dataclass(frozen=True)
class Sampling:
    """How images are drawn from the model: everything that is the same along a path."""

    seed: int = 0
    steps: int = 20
    guidance: float = 3.0
    negative_prompt: str = ""


def initial_noise(model: Model, seed: int) -> torch.Tensor:
    """The latent noise of a seed, (1, c, h, w) float32, drawn on the CPU so that it is the same on every device."""
    unet = model.pipeline.unet
    side = unet.config.sample_size
    height, width = (side, side) if isinstance(side, int) else side
    generator = torch.Generator("cpu").manual_seed(seed)
    return torch.randn((1, unet.config.in_channels, height, width), generator=generator)


def render(
    model: Model,
    clouds: Sequence[PointCloud],
    sampling: Sampling = Sampling(),
    *,
    batch_size: int | None = None,
    on_frame: Callable[[], object] = lambda: None,
) -> Images:
    """Images of the clouds, (frames, height, width, 3) uint8; ``on_frame`` is called after each one (progress)."""
    frames = []
    for image in render_each(model, clouds, sampling, batch_size=batch_size):
        frames.append(image)
        on_frame()
    return np.stack(frames)


@torch.inference_mode()
def render_each(
    model: Model,
    clouds: Sequence[PointCloud],
    sampling: Sampling,
    *,
    batch_size: int | None = None,
    on_step: Callable[[], object] = lambda: None,
) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """The images one by one, rendered in batches through the pipeline's own call.

    Clouds of any size and weights: where they differ, log-weights on the attention logits tell the model
    (:mod:`whichway.analysis.images.weighted_attention`). Clouds whose frames attend to those at both ends of their path
    (:mod:`whichway.analysis.images.attention_interpolation`) are rendered together with these.

    Args:
        batch_size: frames rendered together; None: as many as fit the memory, 16 at most.
        on_step: called after each sampling step of a batch; what it raises ends the rendering there.

    Raises:
        UserError: clouds of another width than the model's conditioning.
    """
    width = model.pipeline.unet.config.cross_attention_dim
    for cloud in clouds:
        if cloud.dimension != width:
            raise UserError(
                f"cloud of shape {tuple(cloud.rows.shape)}; model {model.name!r} wants rows of width {width}"
            )
    batch_size = batch_size or fitting_batch_size(model)
    negative = encode(model, sampling.negative_prompt)
    noise = initial_noise(model, sampling.seed).to(model.device, model.dtype)
    for (way, _), group in groupby(clouds, lambda cloud: (_way(cloud), len(cloud).bit_length())):
        together = list(group)  # of one way, and of about one size: the smaller ones of a batch are padded
        for first in range(0, len(together), batch_size):
            batch = together[first : first + batch_size]
            if way is None:
                yield from _render_batch(model, batch, negative, noise, sampling, on_step)
            else:
                ends, kind = way
                times = [0.0, *(cloud.t for cloud in batch if isinstance(cloud, AttendedCloud)), 1.0]
                steps = warm_up_steps(sampling.steps)
                attending = attend_to_ends(model.pipeline.unet, times, kind, steps=steps)
                batch = [ends[0], *batch, ends[1]]
                yield from _render_batch(model, batch, negative, noise, sampling, on_step, attending)[1:-1]


def fitting_batch_size(model: Model) -> int:
    """How many frames fit half of the free memory, 1 to 16: each takes four maps of the decoder's widest layer."""
    if model.device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(model.device)
    else:
        free = psutil.virtual_memory().available
    pixels = math.prod(initial_noise(model, 0).shape[-2:]) * model.pipeline.vae_scale_factor**2
    channels = model.pipeline.vae.config.block_out_channels
    frame = 4 * pixels * max(channels[:2]) * model.dtype.itemsize
    return max(1, min(LARGEST_BATCH, free // 2 // frame))


def _way(cloud: PointCloud) -> tuple[tuple[PointCloud, ...], str] | None:
    """What the frames of a batch have to share: the ends that they attend to and how, or None."""
    return (cloud.ends, cloud.kind) if isinstance(cloud, AttendedCloud) else None


def _render_batch(
    model: Model,
    clouds: Sequence[PointCloud],
    negative: PointCloud,
    noise: torch.Tensor,
    sampling: Sampling,
    on_step: Callable[[], object],
    attending: AbstractContextManager | None = None,
) -> Images:
    pipeline, count = model.pipeline, len(clouds)
    everything = [*[negative] * count, *clouds]  # the unconditional half first, as the pipeline lays it out
    rows = pad_sequence([cloud.rows.to(model.device, model.dtype) for cloud in everything], batch_first=True)
    weights = pad_sequence(
        [cloud.weights.double() for cloud in everything], batch_first=True
    )  # zero: the row is not there
    seen = weights if sampling.guidance > 1 else weights[count:]
    alike = bool((seen == seen[:, :1]).all())
    if attending and not alike:
        raise UserError(f"attention interpolation needs clouds of {len(negative)} rows, got {len(clouds[0])}")
    if not alike:
        attending = attend_with_weights(pipeline.unet, seen)

    def step_ended(pipeline: object, step: int, timestep: object, tensors: dict) -> dict:
        on_step()
        return tensors

    with _layers_changed(model, attending):
        pictures = pipeline(
            prompt_embeds=rows[count:],
            negative_prompt_embeds=rows[:count],
            latents=noise.expand(count, -1, -1, -1).clone(),
            num_inference_steps=sampling.steps,
            guidance_scale=sampling.guidance,
            output_type="np",
            callback_on_step_end=step_ended,
            **_deterministic(pipeline),
        ).images
    return (pictures * 255).round().astype(np.uint8)


@contextmanager
def _layers_changed(model: Model, attending: AbstractContextManager | None) -> Iterator[None]:
    """Compiled code runs as it was compiled; where layers have to attend otherwise, the denoiser runs uncompiled."""
    if model.compiled and attending is None:
        yield
        return
    with (
        torch.compiler.set_stance("force_eager"),
        attending or nullcontext(),
        keys_and_values_once(model.pipeline.unet),
    ):
        yield


def _deterministic(pipeline: object) -> dict:
    """DDIM's ``eta`` pinned to 0, where the pipeline has it: no noise is added between steps."""
    return {"eta": 0.0} if "eta" in inspect.signature(type(pipeline).__call__).parameters else {}
