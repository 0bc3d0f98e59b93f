"""The pipeline's own call with embedded texts: one place where a family's arguments are put together."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from whichway.analysis.families import Family
from whichway.analysis.images.joint_attention import attend_jointly_with_weights
from whichway.analysis.images.noise import noise_generators
from whichway.analysis.images.sampling import ResolvedSampling
from whichway.analysis.images.schedulers import after_each_step
from whichway.analysis.images.text_arguments import TextArguments
from whichway.analysis.images.weighted_attention import attend_with_weights


def call_pipeline(
    pipeline: Any,
    text: TextArguments,
    sampling: ResolvedSampling,
    on_step: Callable[[Any], object],
    *,
    generators: Sequence[torch.Generator] | None = None,
    arguments: Mapping[str, Any] = MappingProxyType({}),
) -> Float[np.ndarray, "frames height width 3"]:
    """Images from 0 to 1, each from noise of its own.

    Args:
        on_step: called after each sampling step with what the scheduler returned.

    The other arguments are those of :func:`arguments_of_call`.
    """
    everything = arguments_of_call(pipeline, text, sampling, generators=generators, arguments=arguments)
    with after_each_step(pipeline, on_step):
        images: np.ndarray = pipeline(**everything, output_type="np").images
    return images


def arguments_of_call(
    pipeline: Any,
    text: TextArguments,
    sampling: ResolvedSampling,
    *,
    generators: Sequence[torch.Generator] | None = None,
    arguments: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """All keyword arguments of the pipeline's call but what its output is to be.

    Args:
        generators: where each frame's noise comes from; default: all from the sampling's seed.
        arguments: further ones of the pipeline's call.

    Raises:
        TypeError: a further argument that is said already.
    """
    family = text.family
    options: dict[str, Any] = {"guidance_scale": sampling.guidance_scale}
    if family.guidance == "apart":
        options["true_cfg_scale"] = sampling.true_cfg_scale
    options |= {"height": sampling.height, "width": sampling.width}
    options |= family.call_options(pipeline)
    return dict(
        **text.arguments(inspect.signature(type(pipeline).__call__).parameters),
        **options,
        **arguments,
        generator=list(generators or noise_generators(sampling.seed, len(text.prompts))),
        num_inference_steps=sampling.num_inference_steps,
    )


def attend_as_weighted(family: Family, denoiser: torch.nn.Module, text: TextArguments) -> AbstractContextManager:
    """Within the context, the denoiser sees the rows with their weights, wherever the family's attention sees text."""
    if family.text_keys == "alone":
        return attend_with_weights(denoiser, text.passes()[0])
    return attend_jointly_with_weights(denoiser, text.passes(), family.text_keys)
