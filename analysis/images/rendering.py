"""Conditioning → image: the frozen diffusion model through its pipeline's own call, the same noise for every frame."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
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
from whichway.analysis.images.batches import in_fitting_batches
from whichway.analysis.images.conditioning_cache import keys_and_values_once
from whichway.analysis.images.noise import initial_noise, noise_generators
from whichway.analysis.images.sampling import ResolvedSampling, Sampling, SamplingDefaults
from whichway.analysis.images.schedulers import scheduled
from whichway.analysis.images.undisturbed import undisturbed
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
    @property
    def defaults(self) -> SamplingDefaults: ...
    @property
    def call_arguments(self) -> Mapping[str, Any]: ...
    @property
    def batch_limits(self) -> MutableMapping[object, int]: ...
    def encode(self, prompts: Sequence[str]) -> list[Conditioning]: ...
    def free_text_encoders(self) -> None: ...


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
        batch_size: frames rendered together, at most; None: 16, or what fits the memory of a CPU. Where memory runs
            out, half as many.
        on_step: called after each sampling step of a batch; what it raises ends the rendering there.

    Raises:
        UserError: clouds of another width than the model's conditioning; a single image that does not fit in memory.
    """
    sampling = sampling.resolved(model.defaults)
    clouds = [each.cloud if isinstance(each, Conditioning) else each for each in conditionings]
    width = model.family.width(model.pipeline)
    for cloud in clouds:
        if cloud.dimension != width:
            raise UserError(
                f"cloud of shape {tuple(cloud.rows.shape)}; model {model.name!r} wants rows of width {width}"
            )
    batch_size = batch_size or fitting_batch_size(model, sampling)
    [negative] = model.encode([sampling.negative_prompt])
    model.free_text_encoders()
    batch = _Batch(model, negative.cloud, sampling, on_step)
    for (ends, _), group in groupby(clouds, lambda cloud: (_attended_ends(cloud), len(cloud).bit_length())):
        together = list(group)  # that attend to the same ends, and of about one size: the smaller ones are padded
        yield from in_fitting_batches(
            together,
            lambda some, ends=ends: batch.render(some, ends),  # type: ignore[misc]
            largest=batch_size,
            limits=model.batch_limits,
            key=(sampling.height, sampling.width, sampling.is_guided),
            what=f"one image of {sampling.height} × {sampling.width} pixels of model {model.name!r}",
        )


def fitting_batch_size(model: RenderingModel, sampling: Sampling = Sampling()) -> int:
    """How many frames to try together: 16, or on a CPU as many as fit half of the free memory.

    A GPU says when its memory is full; a CPU's operating system ends the process. A frame takes four maps of the
    decoder's widest layer.
    """
    if model.device.type == "cuda":
        return LARGEST_BATCH
    own = sampling.resolved(model.defaults)
    config = model.pipeline.vae.config
    channels = config.get("block_out_channels") or config["decoder_block_out_channels"]
    frame = 4 * own.height * own.width * max(channels[:2]) * model.dtype.itemsize
    return max(1, min(LARGEST_BATCH, psutil.virtual_memory().available // 2 // frame))


Ends = tuple[tuple[PointCloud, ...], str]


def _attended_ends(cloud: PointCloud) -> Ends | None:
    """What the frames of a batch have to share: the ends that they attend to and how, or None."""
    return (cloud.ends, cloud.kind) if isinstance(cloud, AttendedCloud) else None


class _Batch:
    """Renders one batch after the other with the same sampling."""

    def __init__(
        self, model: RenderingModel, negative: PointCloud, sampling: ResolvedSampling, on_step: Callable[[], object]
    ) -> None:
        self.model, self.negative, self.sampling, self.on_step = model, negative, sampling, on_step
        self.denoiser: torch.nn.Module = getattr(model.pipeline, model.family.denoiser)

    def render(self, clouds: Sequence[PointCloud], ends: Ends | None) -> Images:
        pipeline = self.model.pipeline
        with self.model.lock, undisturbed(pipeline), scheduled(pipeline, self.sampling.scheduler):
            if ends is None:
                return self._call(clouds, None)
            (start, end), kind = ends
            times = [0.0, *(cloud.t for cloud in clouds if isinstance(cloud, AttendedCloud)), 1.0]
            steps = warm_up_steps(self.sampling.num_inference_steps)
            attending = attend_to_ends(self.denoiser, times, kind, steps=steps)
            return self._call([start, *clouds, end], attending)[1:-1]

    def _call(self, clouds: Sequence[PointCloud], attending: AbstractContextManager | None) -> Images:
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
        with self._layers_changed(attending):
            pictures = model.pipeline(
                **model.call_arguments,
                **{prompt_rows: rows[count:], negative_rows: rows[:count]},
                generator=noise_generators(sampling.seed, count),
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
