"""Conditioning → image: the frozen diffusion model through its pipeline's own call, the same noise for every frame."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import groupby
from typing import Any, Protocol, runtime_checkable

import numpy as np
import psutil
import torch
from jaxtyping import UInt8
from torch.nn.utils.rnn import pad_sequence

from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning, Family
from whichway.analysis.images.attended_cloud import AttendedCloud
from whichway.analysis.images.attention_interpolation import attend_to_ends, warm_up_steps
from whichway.analysis.images.conditioning_cache import keys_and_values_once
from whichway.analysis.images.noise import initial_noise, latent_shape
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.images.schedulers import scheduled
from whichway.analysis.images.travelling_noise import NoisePoint, noise_of, noise_travels
from whichway.analysis.images.weighted_attention import attend_with_weights
from whichway.geometry import PointCloud

__all__ = ["Sampling", "fitting_batch_size", "initial_noise", "render", "render_each"]

Picture = UInt8[np.ndarray, "height width 3"]
Images = UInt8[np.ndarray, "frames height width 3"]
Renderable = Conditioning | PointCloud  # a cloud alone: the conditioning of a family that has one cloud
LARGEST_BATCH = 16  # beyond which a frame gets no cheaper


@runtime_checkable
class RenderingModel(Protocol):
    """What rendering asks of a model; :class:`whichway.analysis.models.model.Model` has it."""

    @property
    def name(self) -> str: ...
    @property
    def pipeline(self) -> Any: ...
    @property
    def family(self) -> Family: ...
    @property
    def compiled(self) -> bool: ...
    @property
    def lock(self) -> AbstractContextManager: ...
    @property
    def device(self) -> torch.device: ...
    @property
    def dtype(self) -> torch.dtype: ...
    def encode(self, prompts: Sequence[str]) -> list[Conditioning]: ...


def render(
    model: RenderingModel,
    conditionings: Sequence[Renderable],
    sampling: Sampling = Sampling(),
    *,
    batch_size: int | None = None,
    on_frame: Callable[[], object] = lambda: None,
) -> Images:
    """Images of conditionings or clouds, (frames, height, width, 3) uint8; ``on_frame`` is called after each one."""
    frames = []
    for image in render_each(model, conditionings, sampling, batch_size=batch_size):
        frames.append(image)
        on_frame()
    return np.stack(frames)


@torch.inference_mode()
def render_each(
    model: RenderingModel,
    conditionings: Sequence[Renderable],
    sampling: Sampling,
    *,
    batch_size: int | None = None,
    on_step: Callable[[], object] = lambda: None,
) -> Iterator[Picture]:
    """The images one by one, rendered in batches; the model is locked for each batch.

    Clouds of any size and weights: where they differ, log-weights on the attention logits tell the model
    (:mod:`whichway.analysis.images.weighted_attention`). Clouds whose frames attend to those at both ends of their path
    (:mod:`whichway.analysis.images.attention_interpolation`) are rendered together with these.

    Args:
        batch_size: frames rendered together; None: as many as fit the memory, 16 at most.
        on_step: called after each sampling step of a batch; what it raises ends the rendering there.

    Raises:
        UserError: clouds of another width than the model's conditioning.
    """
    clouds = [each.cloud if isinstance(each, Conditioning) else each for each in conditionings]
    width = model.family.width(model.pipeline)
    for cloud in clouds:
        if cloud.dimension != width:
            raise UserError(
                f"cloud of shape {tuple(cloud.rows.shape)}; model {model.name!r} wants rows of width {width}"
            )
    batch_size = batch_size or fitting_batch_size(model, sampling)
    [negative] = model.encode([sampling.negative_prompt])
    batch = _Batch(model, negative.cloud, sampling, on_step)
    noises = [noise_of(each, sampling.seed) for each in conditionings]
    frames = zip(clouds, noises, strict=True)
    for (ends, _), group in groupby(frames, lambda frame: (_attended_ends(frame[0]), len(frame[0]).bit_length())):
        together = list(group)  # that attend to the same ends, and of about one size: the smaller ones are padded
        for first in range(0, len(together), batch_size):
            some, of_some = zip(*together[first : first + batch_size], strict=True)
            yield from batch.render(some, of_some, ends)


def fitting_batch_size(model: RenderingModel, sampling: Sampling = Sampling()) -> int:
    """How many frames fit half of the free memory, 1 to 16: each takes four maps of the decoder's widest layer."""
    if model.device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(model.device)
    else:
        free = psutil.virtual_memory().available
    pixels = math.prod(latent_shape(model, sampling)[1:]) * model.pipeline.vae_scale_factor**2
    channels = model.pipeline.vae.config.block_out_channels
    frame = 4 * pixels * max(channels[:2]) * model.dtype.itemsize
    return max(1, min(LARGEST_BATCH, free // 2 // frame))


Ends = tuple[tuple[PointCloud, ...], str]


def _attended_ends(cloud: PointCloud) -> Ends | None:
    """What the frames of a batch have to share: the ends that they attend to and how, or None."""
    return (cloud.ends, cloud.kind) if isinstance(cloud, AttendedCloud) else None


class _Batch:
    """Renders one batch after the other with the same sampling."""

    def __init__(
        self, model: RenderingModel, negative: PointCloud, sampling: Sampling, on_step: Callable[[], object]
    ) -> None:
        self.model, self.negative, self.sampling, self.on_step = model, negative, sampling, on_step
        self.denoiser: torch.nn.Module = getattr(model.pipeline, model.family.denoiser)

    def render(self, clouds: Sequence[PointCloud], noises: Sequence[NoisePoint], ends: Ends | None) -> Images:
        with self.model.lock, scheduled(self.model.pipeline, self.sampling.scheduler):
            if ends is None:
                return self._call(clouds, noises, None)
            (start, end), kind = ends
            if len(set(noises)) > 1 or noises[0].seed is None:
                raise UserError("attention interpolation with seeds that travel: its frames attend to two ends alone")
            noises = [noises[0], *noises, noises[0]]
            times = [0.0, *(cloud.t for cloud in clouds if isinstance(cloud, AttendedCloud)), 1.0]
            steps = warm_up_steps(self.sampling.num_inference_steps)
            attending = attend_to_ends(self.denoiser, times, kind, steps=steps)
            return self._call([start, *clouds, end], noises, attending)[1:-1]

    def _call(
        self, clouds: Sequence[PointCloud], noises: Sequence[NoisePoint], attending: AbstractContextManager | None
    ) -> Images:
        model, sampling, count = self.model, self.sampling, len(clouds)
        everything = [*[self.negative] * count, *clouds]  # the unconditional half first, as the pipeline lays it out
        rows = pad_sequence([cloud.rows.to(model.device, model.dtype) for cloud in everything], batch_first=True)
        # zero: the row is not there
        weights = pad_sequence([cloud.weights.double() for cloud in everything], batch_first=True)
        seen = weights if sampling.is_guided else weights[count:]
        alike = bool((seen == seen[:, :1]).all())
        if attending and not alike:
            raise UserError(f"attention interpolation needs clouds of {len(self.negative)} rows, got {len(clouds[0])}")
        if not alike:
            attending = attend_with_weights(self.denoiser, seen)
        prompt_rows, negative_rows = model.family.embeds
        travelling = any(noise.seed is None for noise in noises)
        with self._layers_changed(attending), noise_travels() if travelling else nullcontext():
            pictures = model.pipeline(
                **{prompt_rows: rows[count:], negative_rows: rows[:count]},
                generator=[noise.generator() for noise in noises],
                num_inference_steps=sampling.num_inference_steps,
                guidance_scale=sampling.guidance_scale,
                height=sampling.height,
                width=sampling.width,
                output_type="np",
                callback_on_step_end=self._step_ended,
            ).images
        return (pictures * 255).round().astype(np.uint8)

    def _step_ended(self, pipeline: object, step: int, timestep: object, tensors: dict) -> dict:
        self.on_step()
        return tensors

    @contextmanager
    def _layers_changed(self, attending: AbstractContextManager | None) -> Iterator[None]:
        """Compiled code runs as it was compiled; where layers attend otherwise, the denoiser runs uncompiled."""
        if self.model.compiled and attending is None:
            yield
            return
        with (
            torch.compiler.set_stance("force_eager"),
            attending or nullcontext(),
            keys_and_values_once(self.denoiser),
        ):
            yield
