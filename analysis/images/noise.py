"""Where a frame's noise comes from: one seeded generator for each frame, so that equal clouds give equal images."""

import inspect
from typing import Any, Protocol, runtime_checkable

import torch

from whichway.analysis.images.sampling import Sampling


@runtime_checkable
class HasPipeline(Protocol):
    """What is asked of a model here."""

    @property
    def pipeline(self) -> Any: ...


def noise_generators(seed: int, frames: int) -> list[torch.Generator]:
    """A generator for each frame, all with the same seed, on the CPU so that noise is the same on every device.

    The pipeline draws from them what sampling starts from, and the scheduler what it adds in each step.
    """
    return [torch.Generator("cpu").manual_seed(seed) for _ in range(frames)]


def latent_shape(model: HasPipeline, sampling: Sampling) -> tuple[int, int, int]:
    """(channels, height, width) of the latents of one image, as its autoencoder takes them."""
    pipeline = model.pipeline
    scale = pipeline.vae_scale_factor
    own_height, own_width = _own_size(pipeline)
    height, width = (sampling.height or 0) // scale or own_height, (sampling.width or 0) // scale or own_width
    return pipeline.vae.config.latent_channels, height, width


def _own_size(pipeline: Any) -> tuple[int, int]:
    """Height and width of the latents that the pipeline renders unless it is given others."""
    call = inspect.signature(type(pipeline).__call__).parameters
    if call["height"].default and call["width"].default:  # Sana: 1024, whatever its denoiser was trained on
        return call["height"].default // pipeline.vae_scale_factor, call["width"].default // pipeline.vae_scale_factor
    own = getattr(pipeline, "default_sample_size", None)
    if own is None:
        denoiser = getattr(pipeline, "unet", None) or pipeline.transformer
        own = denoiser.config.sample_size
    height, width = (own, own) if isinstance(own, int) else own
    return height, width


def initial_noise(model: HasPipeline, seed: int) -> torch.Tensor:
    """What sampling starts from at the model's own size, (1, c, h, w) float32: the first that a generator gives."""
    [generator] = noise_generators(seed, 1)
    return torch.randn((1, *latent_shape(model, Sampling())), generator=generator)
