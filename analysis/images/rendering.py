"""Conditioning → image: the frozen diffusion model through its pipeline's own call, the same noise for every frame."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any, Protocol, runtime_checkable

import numpy as np
import psutil
import torch
from jaxtyping import UInt8

from whichway.analysis.errors import UserError, shortened
from whichway.analysis.families import Conditioning, Family
from whichway.analysis.finite import finite_output, require_finite_numbers
from whichway.analysis.images.attended_cloud import AttendedCloud
from whichway.analysis.images.attention_interpolation import (
    attend_to_ends,
    require_interpolable_attention,
    warm_up_steps,
)
from whichway.analysis.images.batches import in_fitting_batches
from whichway.analysis.images.conditioning_cache import keys_and_values_once
from whichway.analysis.images.guidance import negative_conditioning
from whichway.analysis.images.noise import initial_noise
from whichway.analysis.images.pipeline_call import arguments_of_call, attend_as_weighted
from whichway.analysis.images.precision import without_tf32
from whichway.analysis.images.sampling import ResolvedSampling, Sampling, SamplingDefaults
from whichway.analysis.images.schedulers import after_each_step, require_schedulable, scheduled
from whichway.analysis.images.text_arguments import text_arguments
from whichway.analysis.images.travelling_noise import GivenNoise, NoisePoint, noise_of, noise_travels
from whichway.analysis.images.undisturbed import undisturbed
from whichway.geometry import PointCloud

__all__ = ["Sampling", "fitting_batch_size", "initial_noise", "render", "render_each"]

Picture = UInt8[np.ndarray, "height width 3"]
Images = UInt8[np.ndarray, "frames height width 3"]
Renderable = Conditioning | PointCloud  # a cloud alone: the conditioning of a family that has one cloud
LayerChange = Callable[[], AbstractContextManager]  # makes the context in which the denoiser's layers attend otherwise
LARGEST_BATCH, LARGEST_BATCH_ON_GPU = 4, 64  # beyond which a frame gets hardly cheaper
PIXELS_TOGETHER = 2**16  # of a batch on a CPU: larger images get no cheaper by being rendered together
BESIDE_ATTENDED = 2  # frames: both ends of a path are rendered in each batch that attends to them


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
    def encode_negative(self, prompt: str | None) -> Conditioning: ...
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
    on_progress: Callable[[float], object] = lambda frames: None,
) -> Iterator[Picture]:
    """The images one by one, rendered in batches; the model is locked for each batch.

    Clouds of any size and weights: where they differ, log-weights on the attention logits tell the model
    (:mod:`whichway.analysis.images.weighted_attention`). Clouds whose frames attend to those at both ends of their path
    (:mod:`whichway.analysis.images.attention_interpolation`) are rendered together with these.

    Where a batch holds three frames or four, the sums in them may be added up in another order. On a CPU a frame is
    therefore the same whatever is rendered with it: all batches have one size, the last one filled up by repetition,
    and in each of them clouds have the same sizes (``docs/determinism.md``).

    Args:
        batch_size: frames rendered together, at most, the ends that they attend to included, and not filled up; None:
            :func:`fitting_batch_size`. Where memory runs out, half as many, and no more for frames of that kind later.
        on_step: called after each sampling step of a batch; what it raises ends the rendering there.
        on_progress: called after each sampling step with how far that was, in frames: of a batch of 16 and 20 steps,
            0.8 frames.

    Raises:
        UserError: conditionings of another family, or of another width; guidance that the family does not have; a
            single image that does not fit in memory.
    """
    own = sampling.resolved(model.defaults)
    require_schedulable(model.pipeline, own.num_inference_steps)
    independent = batch_size is None and model.device.type == "cpu"
    groups = [*in_groups(model, conditionings, exactly=independent)]
    largest = batch_size or fitting_batch_size(model, own)
    batch = Batch(model, own, on_step, on_progress)
    model.free_text_encoders()
    limits = model.batch_limits

    def rendered(some: Sequence[Conditioning], ends: tuple | None, most: int, key: object) -> Images:
        size = min(most, limits.get(key, most)) if independent else len(some)
        pictures: Images = batch.render([*some, *[some[-1]] * (size - len(some))], ends, len(some))[: len(some)]
        return pictures

    for together, ends in groups:
        size = max(map(_rows, together)).bit_length()
        extra = 0 if ends is None else BESIDE_ATTENDED
        most = max(1, largest - extra)
        key = (own.height, own.width, batch.negative is None, max(size, batch.negative_size), extra)
        yield from in_fitting_batches(
            together,
            partial(rendered, ends=ends, most=most, key=key),
            largest=most,
            limits=limits,
            key=key,
            what=f"one image of {own.height} × {own.width} pixels of model {model.name!r}"
            + (", with the two images that it attends to," if extra else ""),
        )


def in_groups(
    model: RenderingModel, conditionings: Sequence[Renderable], *, exactly: bool = False
) -> Iterator[tuple[list[Conditioning], tuple | None]]:
    """The conditionings in their order, as many as may be rendered together, and what they attend to.

    Args:
        exactly: those of one group have one shape; else about one size, and the smaller ones are padded.

    Raises:
        UserError: conditionings of another family, or of another width.
    """
    whole = [_conditioning(model, each) for each in conditionings]

    def shared(each: Conditioning) -> tuple:
        return _attended_ends(each), shape(each) if exactly else _rows(each).bit_length()

    for (ends, _), group in groupby(whole, shared):
        yield list(group), ends


def fitting_batch_size(model: RenderingModel, sampling: Sampling = Sampling()) -> int:
    """How many frames to try together: as many as fit half of the free memory, 64 at most, and 4 on a CPU.

    On a CPU four small images, and one large one, whatever is to be rendered: frames depend on it in their last digits
    (:func:`render_each`). A GPU says when its memory is full; a CPU's operating system ends the process.

    Raises:
        UserError: on a CPU, a single image needs more than twice the memory that is free.
    """
    own = sampling.resolved(model.defaults)
    free, frame = free_bytes(model.device), bytes_of_a_frame(model, own)
    if model.device.type == "cuda":
        return max(1, min(LARGEST_BATCH_ON_GPU, free // 2 // frame))
    if frame > 2 * free:
        raise UserError(
            f"one image of {own.height} × {own.width} pixels takes about {frame / 2**30:.0f} GiB of memory, and "
            f"{free / 2**30:.0f} GiB is free; wanted a smaller --height and --width"
        )
    return max(1, min(LARGEST_BATCH, PIXELS_TOGETHER // (own.height * own.width), free // 2 // frame))


def bytes_of_a_frame(model: RenderingModel, sampling: ResolvedSampling) -> int:
    """What rendering it takes, about: four maps of the decoder's widest layer."""
    config = model.pipeline.vae.config
    channels = config.get("block_out_channels") or config["decoder_block_out_channels"]
    size: int = 4 * sampling.height * sampling.width * max(channels[:2]) * model.dtype.itemsize
    return size


def free_bytes(device: torch.device) -> int:
    """Of the device's memory, what nobody uses now."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return int(psutil.virtual_memory().available)


def _conditioning(model: RenderingModel, each: Renderable) -> Conditioning:
    """A conditioning that the model's family can take.

    Raises:
        UserError: a cloud alone, where the family has more; other clouds, vectors or widths than the family's.
    """
    family, width = model.family, model.family.width(model.pipeline)
    parts = (*family.clouds, *family.vectors)
    if isinstance(each, PointCloud):
        if len(parts) > 1:
            raise UserError(f"a cloud alone is no conditioning of {family.name}, which has {', '.join(parts)}")
        ends = each.ends if isinstance(each, AttendedCloud) else ()
        each = Conditioning({family.clouds[0]: each}, ends=tuple(Conditioning({family.clouds[0]: end}) for end in ends))
    elif len(each.clouds) == len(parts) == 1:
        [mass] = each.masses.values()
        each = replace(each, clouds={family.clouds[0]: each.cloud}, masses={family.clouds[0]: mass})
    if {*each.clouds, *each.vectors} != set(parts):
        got = ", ".join((*each.clouds, *each.vectors))
        raise UserError(f"a conditioning of {family.name} has {', '.join(parts)}; got one that has {got}")
    for cloud in each.clouds.values():
        if cloud.dimension != width:
            raise UserError(
                f"cloud of shape {tuple(cloud.rows.shape)}; model {model.name!r} wants rows of width {width}"
            )
    rows = {name: cloud.rows for name, cloud in each.clouds.items()}
    for name, numbers in {**rows, **each.vectors}.items():
        require_finite_numbers(
            numbers.to(model.dtype), f"conditioning of {shortened(each.source)}: the numbers of {name!r}"
        )
    return each


def shape(conditioning: Conditioning) -> tuple:
    """What a batch's tensors depend on besides their content: frames of one shape can be rendered together as they are.

    The number of rows, then of each cloud; whether the rows simply are there, or have weights; the same of a negative
    prompt of its own.
    """
    clouds = conditioning.clouds
    plain = (cloud.is_uniform and conditioning.masses[name] == len(cloud) for name, cloud in clouds.items())
    negative = shape(conditioning.negative) if conditioning.negative else ()
    return _rows(conditioning), *map(len, clouds.values()), *plain, negative


def _rows(conditioning: Conditioning) -> int:
    return sum(map(len, conditioning.clouds.values()))


Ends = tuple[tuple[Conditioning, ...], str]


def _attended(conditioning: Conditioning) -> AttendedCloud | None:
    """The cloud of a frame that attends to those at both ends of its path, if it does."""
    attended = (cloud for cloud in conditioning.clouds.values() if isinstance(cloud, AttendedCloud))
    return next(attended, None)


def _attended_ends(conditioning: Conditioning) -> tuple | None:
    """What the frames of a batch have to share: the clouds that they attend to and how, or None."""
    attended = _attended(conditioning)
    return None if attended is None else (attended.ends, attended.kind)


class Batch:
    """Renders one batch after the other with the same sampling; what samples it is :meth:`sample`."""

    def __init__(
        self,
        model: RenderingModel,
        sampling: ResolvedSampling,
        on_step: Callable[[], object],
        on_progress: Callable[[float], object] = lambda frames: None,
    ) -> None:
        self.model, self.sampling, self.on_step, self.on_progress = model, sampling, on_step, on_progress
        self.negative = negative_conditioning(model, sampling)
        self.denoiser: torch.nn.Module = getattr(model.pipeline, model.family.denoiser)

    @property
    def negative_size(self) -> int:
        """Of the negative prompt's text, as powers of two of rows: the texts of a batch are padded to the longest."""
        return _rows(self.negative).bit_length() if self.negative else 0

    def render(self, conditionings: Sequence[Conditioning], ends: tuple | None, own: int | None = None) -> Any:
        """``own``: how many of them are no filling, and count for the progress; None: all."""
        pipeline = self.model.pipeline
        noises = [noise_of(each, self.sampling.seed) for each in conditionings]
        self.frames = len(conditionings) if own is None else own
        with self.model.lock, without_tf32(), undisturbed(pipeline), scheduled(pipeline, self.sampling.scheduler):
            if ends is None:
                return self._call(conditionings, noises, None)
            require_interpolable_attention(self.model.family)
            if len(set(noises)) > 1 or noises[0].seed is None:
                raise UserError("attention interpolation with seeds that travel: its frames attend to two ends alone")
            attended = [_attended(each) for each in conditionings]
            times = [0.0, *(cloud.t for cloud in attended if cloud), 1.0]
            start, end = conditionings[0].ends
            steps = warm_up_steps(self.sampling.num_inference_steps)
            attending = partial(attend_to_ends, self.denoiser, times, ends[1], steps=steps)
            return self._call([start, *conditionings, end], [noises[0], *noises, noises[0]], attending)[1:-1]

    def _call(
        self,
        conditionings: Sequence[Conditioning],
        noises: Sequence[NoisePoint | GivenNoise],
        attending: LayerChange | None,
    ) -> Any:
        model, sampling = self.model, self.sampling
        negatives = [each.negative or self.negative for each in conditionings] if self.negative else []
        text = text_arguments(
            model.family, conditionings, negatives, device=model.pipeline._execution_device, dtype=model.dtype
        )
        if not text.plain:
            if attending:
                sizes = ", ".join(str(_rows(each)) for each in (conditionings[0], *negatives[:1]))
                raise UserError(f"attention interpolation needs clouds of one size, negative prompt too; got {sizes}")
            attending = partial(attend_as_weighted, model.family, self.denoiser, text)
        travelling = any(noise.seed is None for noise in noises)
        arguments = arguments_of_call(
            model.pipeline,
            text,
            sampling,
            generators=[noise.generator() for noise in noises],
            arguments=model.call_arguments,
        )
        with (
            after_each_step(model.pipeline, self._finite_step()),
            finite_output(model.pipeline.vae.decoder, f"model {model.name!r}: pixels from the decoder"),
            noise_travels() if travelling else nullcontext(),
        ):
            return self.sample(arguments, attending)

    def sample(self, arguments: Mapping[str, Any], attending: LayerChange | None) -> Any:
        """The images that the pipeline's own call makes of its ``arguments``, its layers changed by ``attending``."""
        with self._layers_changed(attending):
            pictures = self.model.pipeline(**arguments, output_type="np").images
        return (pictures * 255).round().astype(np.uint8)

    def _finite_step(self) -> Callable[[Any], None]:
        """Called with what the scheduler returns of each step."""
        step = 0

        def ended(stepped: Any) -> None:
            nonlocal step
            step += 1
            settings = f"step {step} of {self.sampling.num_inference_steps}, guidance {self.sampling.guidance_scale:g}"
            require_finite_numbers(stepped[0], f"model {self.model.name!r}: latents after {settings}")
            steps = len(self.model.pipeline.scheduler.timesteps)  # some schedulers take more than were asked for
            self.on_progress(self.frames / steps)
            self.on_step()

        return ended

    @contextmanager
    def _layers_changed(self, attending: LayerChange | None) -> Iterator[None]:
        """Compiled code runs as it was compiled; where layers attend otherwise, the denoiser runs uncompiled."""
        if self.model.compiled and attending is None:
            yield
            return
        with (
            torch.compiler.set_stance("force_eager"),
            attending() if attending else nullcontext(),
            keys_and_values_once(self.denoiser, self.model.family.text_modules),
        ):
            yield
