"""Prompts → conditionings, through the pipeline's own ``encode_prompt``."""

import inspect
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from whichway.analysis.families.clip_skip import with_text_models
from whichway.analysis.families.conditioning import Conditioning
from whichway.analysis.families.encoder import Encoder, called_with
from whichway.analysis.families.family import MASK, ROWS, Family, negative
from whichway.analysis.quiet import quiet_libraries
from whichway.geometry import PointCloud

BATCH = 32  # prompts that a text encoder reads together
#: of ``encode_prompt``: those that the pipeline's own call passes on
OPTIONS = ("prompt_2", "prompt_3", "max_sequence_length", "clean_caption", "complex_human_instruction")


class TruncationWarning(UserWarning):
    """A prompt was longer than the text encoder's positions; its end was cut off."""


def encode(
    family: Family, pipeline: Any, prompts: Sequence[str], *, clip_skip: int | None = None
) -> Iterator[Conditioning]:
    """The conditioning of each prompt, float32 on the CPU, one after the other.

    The rows of a cloud are all positions of its encoder, padding included, but for those that the denoiser does not
    see. ``labels`` are the tokens; ``size`` counts the prompt's own (start token, words, end token). Prompts that are
    too long for an encoder are cut off, with one :class:`TruncationWarning` for each encoder.

    Args:
        clip_skip: last layers of CLIP's text encoders that are left out.
    """
    for encoder in family.encoders:
        _warn_of_long(family, encoder, pipeline, prompts)
    for first in range(0, len(prompts), BATCH):
        yield from _encode_batch(family, pipeline, prompts[first : first + BATCH], clip_skip)


@torch.inference_mode()
def encode_negative(family: Family, pipeline: Any, prompt: str | None, *, clip_skip: int | None = None) -> Conditioning:
    """The conditioning of the negative prompt as the pipeline's own call makes it.

    Args:
        prompt: None: there is none, which is not always the empty one (SDXL then takes zeros, if so configured).
    """
    if negative(ROWS) not in family.returns:
        return next(encode(family, pipeline, [prompt or ""], clip_skip=clip_skip))
    if prompt:
        for encoder in family.encoders:
            _warn_of_long(family, encoder, pipeline, [prompt])
    given = {} if prompt is None else {"negative_prompt": prompt}
    tensors = _encode_prompt(
        family, pipeline, prompt="", do_classifier_free_guidance=True, clip_skip=clip_skip, **given
    )
    own = {
        name: tensors[negative(name)] for name in (ROWS, MASK, *family.vectors.values()) if negative(name) in tensors
    }
    [clouds] = _clouds(family, pipeline, own, [None])
    return Conditioning(clouds, vectors=_vectors(family, own, 0), source=prompt or "")


@torch.inference_mode()
def _encode_batch(family: Family, pipeline: Any, prompts: Sequence[str], clip_skip: int | None) -> list[Conditioning]:
    tensors = _encode_prompt(
        family, pipeline, prompt=list(prompts), do_classifier_free_guidance=False, clip_skip=clip_skip
    )
    clouds = _clouds(family, pipeline, tensors, prompts)
    return [
        Conditioning(of_prompt, vectors=_vectors(family, tensors, index), source=prompt)
        for index, (of_prompt, prompt) in enumerate(zip(clouds, prompts, strict=True))
    ]


def _encode_prompt(family: Family, pipeline: Any, **arguments: Any) -> dict[str, Tensor]:
    """What ``encode_prompt`` returns, by name; options that are not given here are those of the pipeline's own call."""
    accepted = inspect.signature(pipeline.encode_prompt).parameters
    options = {name: called_with(pipeline, name) for name in OPTIONS}
    options |= {"device": pipeline._execution_device, "num_images_per_prompt": 1} | arguments
    with quiet_libraries(), with_text_models(pipeline):  # what is cut off was reported
        returned = pipeline.encode_prompt(**{name: value for name, value in options.items() if name in accepted})
    pipeline.maybe_free_model_hooks()  # under offloading, the encoder makes room again
    named = zip(family.returns, returned, strict=False)
    return {name: tensor for name, tensor in named if name and tensor is not None}


def _clouds(
    family: Family, pipeline: Any, tensors: dict[str, Tensor], prompts: Sequence[str | None]
) -> list[dict[str, PointCloud]]:
    """For each prompt, the clouds: the matrix cut at the encoders' lengths; prompts that are None have no labels."""
    rows = tensors[ROWS].float().cpu()
    seen = tensors[MASK].cpu().bool() if family.mask == "hidden" else torch.ones(rows.shape[:2], dtype=torch.bool)
    sizes = [encoder.positions(pipeline) for encoder in family.encoders[:-1]]
    sizes.append(rows.shape[1] - sum(sizes))
    return [
        {
            encoder.cloud: _cloud(encoder, pipeline, own, visible, prompt)
            for encoder, own, visible in zip(family.encoders, matrix.split(sizes), mask.split(sizes), strict=True)
        }
        for matrix, mask, prompt in zip(rows, seen, prompts, strict=True)
    ]


def _cloud(
    encoder: Encoder, pipeline: Any, rows: Float[Tensor, "n d"], seen: Bool[Tensor, " n"], prompt: str | None
) -> PointCloud:
    rows = rows[seen].clone()
    if prompt is None:
        return PointCloud(rows)
    labels = encoder.labels(pipeline, prompt)
    own = encoder.token_count(pipeline, prompt) or len(rows)
    return PointCloud(
        rows,
        labels=tuple(label for label, visible in zip(labels, seen.tolist(), strict=True) if visible) if labels else (),
        size=min(own, len(rows)),
        source=prompt,
    )


def _vectors(family: Family, tensors: dict[str, Tensor], index: int) -> dict[str, Tensor]:
    return {name: tensors[argument][index].float().cpu() for name, argument in family.vectors.items()}


def _warn_of_long(family: Family, encoder: Encoder, pipeline: Any, prompts: Sequence[str]) -> None:
    """One warning: what is cut off from a single prompt, or how many of several are cut off."""
    positions = encoder.positions(pipeline)
    long = [prompt for prompt in prompts if encoder.token_count(pipeline, prompt) > positions]
    if not long:
        return
    name = "the text encoder" if len(family.encoders) == 1 else f"the text encoder {encoder.cloud!r}"
    if len(prompts) > 1:
        message = (
            f"{len(long)} of {len(prompts)} prompts truncated to {name}'s {positions} positions; the first: {long[0]!r}"
        )
    else:
        tokens = encoder.token_count(pipeline, long[0])
        message = (
            f"prompt truncated: {tokens} tokens, {name} has {positions} positions; "
            f"the last {tokens - positions} before the end token were dropped: {long[0]!r}"
        )
    warnings.warn(message, TruncationWarning, stacklevel=2)
