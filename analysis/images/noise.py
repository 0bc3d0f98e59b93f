"""Where a frame's noise comes from: one seeded generator for each frame, so that equal clouds give equal images."""

from typing import Any, Protocol, runtime_checkable

import torch

from whichway.analysis.images.pipeline_defaults import pipeline_defaults
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
    pipeline, scale = model.pipeline, model.pipeline.vae_scale_factor
    own = sampling.resolved(pipeline_defaults(pipeline))
    return pipeline.vae.config.latent_channels, own.height // scale, own.width // scale


def initial_noise(model: HasPipeline, seed: int) -> torch.Tensor:
    """What sampling starts from at the model's own size, (1, c, h, w) float32: the first that a generator gives."""
    [generator] = noise_generators(seed, 1)
    return torch.randn((1, *latent_shape(model, Sampling())), generator=generator)
