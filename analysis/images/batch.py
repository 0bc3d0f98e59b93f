"""One batch: conditionings of one kind → images, through the pipeline's own call."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.finite import finite_output, require_finite_numbers
from whichway.analysis.images.attention_interpolation import (
    attend_to_ends,
    require_interpolable_attention,
    warm_up_steps,
)
from whichway.analysis.images.conditioning_cache import keys_and_values_once
from whichway.analysis.images.grouping import attended_cloud, number_of_rows
from whichway.analysis.images.guidance import negative_conditioning
from whichway.analysis.images.pipeline_call import arguments_of_call, attend_as_weighted
from whichway.analysis.images.precision import without_tf32
from whichway.analysis.images.rendering_model import RenderingModel
from whichway.analysis.images.sampling import ResolvedSampling
from whichway.analysis.images.schedulers import after_each_step, scheduled
from whichway.analysis.images.text_arguments import text_arguments
from whichway.analysis.images.travelling_noise import GivenNoise, NoisePoint, noise_of, noise_travels
from whichway.analysis.images.undisturbed import undisturbed

LayerChange = Callable[[], AbstractContextManager]  # makes the context in which the denoiser's layers attend otherwise


class Batch:
    """Renders one batch after the other with the same sampling; what samples it is :meth:`sample`."""

    def __init__(
        self,
        model: RenderingModel,
        sampling: ResolvedSampling,
        on_step: Callable[[], object],
        on_progress: Callable[[float], object] = lambda frames: None,
        on_latents: Callable[[Tensor], object] = lambda latents: None,
    ) -> None:
        self.model, self.sampling = model, sampling
        self.on_step, self.on_progress, self.on_latents = on_step, on_progress, on_latents
        self.negative = negative_conditioning(model, sampling)
        self.denoiser: torch.nn.Module = getattr(model.pipeline, model.family.denoiser)

    @property
    def negative_size(self) -> int:
        """Of the negative prompt's text, as powers of two of rows: the texts of a batch are padded to the longest."""
        return number_of_rows(self.negative).bit_length() if self.negative else 0

    def render(self, conditionings: Sequence[Conditioning], ends: tuple | None, own: int | None = None) -> Any:
        """``own``: how many of them are no filling, and count for the progress; None: all."""
        pipeline = self.model.pipeline
        noises = [noise_of(each, self.sampling.seed) for each in conditionings]
        self.frames = len(conditionings) if own is None else own
        self.before = 0 if ends is None else 1  # where the frames begin in the pipeline's batch
        with self.model.lock, without_tf32(), undisturbed(pipeline), scheduled(pipeline, self.sampling.scheduler):
            if ends is None:
                return self._call(conditionings, noises, None)
            require_interpolable_attention(self.model.family)
            if len(set(noises)) > 1 or noises[0].seed is None:
                raise UserError("attention interpolation with seeds that travel: its frames attend to two ends alone")
            attended = [attended_cloud(each) for each in conditionings]
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
                sizes = ", ".join(str(number_of_rows(each)) for each in (conditionings[0], *negatives[:1]))
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
            self.on_latents(_expected(stepped)[self.before : self.before + self.frames])
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


def _expected(stepped: Any) -> Tensor:
    """Of what a scheduler returned, the latents that it expects at the end, if it says so; else those of now."""
    latents: Tensor = stepped[1] if len(stepped) > 1 else stepped[0]
    return latents
