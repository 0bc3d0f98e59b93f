"""Prompts → conditionings, through the pipeline's own ``encode_prompt``."""

import inspect
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from whichway.analysis.errors import shortened
from whichway.analysis.families.chunks import ReadPrompt, read_prompt
from whichway.analysis.families.clip_skip import with_text_models
from whichway.analysis.families.conditioning import Conditioning
from whichway.analysis.families.encoded_rows import EncodedRows, conditioning_of
from whichway.analysis.families.encoder import Encoder, called_with
from whichway.analysis.families.family import MASK, ROWS, Family, negative
from whichway.analysis.finite import require_finite_numbers
from whichway.analysis.quiet import quiet_libraries
from whichway.analysis.reading.prompt_reading import PromptReading

BATCH = 32  # prompts that a text encoder reads together
#: of ``encode_prompt``: those that the pipeline's own call passes on
OPTIONS = ("prompt_2", "prompt_3", "max_sequence_length", "clean_caption", "complex_human_instruction")


class TruncationWarning(UserWarning):
    """A prompt was longer than the text encoder's positions; its end was cut off."""


def encode(
    family: Family,
    pipeline: Any,
    prompts: Sequence[str],
    *,
    clip_skip: int | None = None,
    reading: PromptReading = PromptReading(),
) -> Iterator[Conditioning]:
    """The conditioning of each prompt, float32 on the CPU, one after the other.

    The rows of a cloud are all positions of its encoder, padding included, but for those that the denoiser does not
    see; of a prompt in chunks, those of each chunk that have mass. ``labels`` are the tokens; ``size`` counts the
    prompt's own (start token, words, end token), in chunks up to the last one's end token. Prompts that are too long
    for an encoder, and may not be read in chunks, are cut off, with one :class:`TruncationWarning` for each encoder.
    Vectors are those of the first chunk.

    Args:
        clip_skip: last layers of CLIP's text encoders that are left out.
        reading: what brackets mean, and what becomes of long prompts.

    Raises:
        UserError: prompts that cannot be read so.
    """
    read = [read_prompt(family, pipeline, prompt, reading) for prompt in prompts]
    for encoder in family.encoders:
        _warn_of_long(family, encoder, pipeline, read)
    for first in range(0, len(read), BATCH):
        yield from _encode_batch(family, pipeline, read[first : first + BATCH], clip_skip, reading)


@torch.inference_mode()
def encode_negative(
    family: Family,
    pipeline: Any,
    prompt: str | None,
    *,
    clip_skip: int | None = None,
    reading: PromptReading = PromptReading(),
) -> Conditioning:
    """The conditioning of the negative prompt as the pipeline's own call makes it.

    Args:
        prompt: None: there is none, which is not always the empty one (SDXL then takes zeros, if so configured).

    Raises:
        UserError: as :func:`encode`.
    """
    if negative(ROWS) not in family.returns:
        return next(encode(family, pipeline, [prompt or ""], clip_skip=clip_skip, reading=reading))

    def tensors(**given: str) -> dict[str, Tensor]:
        encoded = _encode_prompt(
            family, pipeline, prompt="", do_classifier_free_guidance=True, clip_skip=clip_skip, **given
        )
        names = (ROWS, MASK, *family.vectors.values())
        return {name: encoded[negative(name)] for name in names if negative(name) in encoded}

    if prompt is None:
        return conditioning_of(EncodedRows(family, pipeline, tensors()), None, reading)
    read = read_prompt(family, pipeline, prompt, reading)
    for encoder in family.encoders:
        _warn_of_long(family, encoder.of_negative(), pipeline, [read] if prompt else [])
    whole = {negative(name): read.whole.text for name in _arguments_of_whole(family, read)}
    chunks = [tensors(negative_prompt=chunk.text, **whole) for chunk in read.chunks]
    together = {name: torch.cat([chunk[name] for chunk in chunks]) for name in chunks[0]}
    empty = tensors(negative_prompt="") if _scales_rows([read], reading) else None
    return conditioning_of(EncodedRows(family, pipeline, together, empty, negative=True), read, reading)


@torch.inference_mode()
def _encode_batch(
    family: Family, pipeline: Any, prompts: Sequence[ReadPrompt], clip_skip: int | None, reading: PromptReading
) -> list[Conditioning]:
    def tensors(texts: list[str], **whole: list[str]) -> dict[str, Tensor]:
        return _encode_prompt(
            family, pipeline, prompt=texts, do_classifier_free_guidance=False, clip_skip=clip_skip, **whole
        )

    arguments = {name for prompt in prompts for name in _arguments_of_whole(family, prompt)}
    encoded = tensors(
        [chunk.text for prompt in prompts for chunk in prompt.chunks],
        **{name: [prompt.whole.text for prompt in prompts for _ in prompt.chunks] for name in arguments},
    )
    empty = tensors([""]) if _scales_rows(prompts, reading) else None
    conditionings, first = [], 0
    for prompt in prompts:
        last = first + len(prompt.chunks)
        own = {name: tensor[first:last] for name, tensor in encoded.items()}
        conditionings.append(conditioning_of(EncodedRows(family, pipeline, own, empty), prompt, reading))
        first = last
    return conditionings


def _arguments_of_whole(family: Family, prompt: ReadPrompt) -> list[str]:
    """Of ``encode_prompt``: those of encoders that are given the whole prompt while others are given chunks."""
    return [encoder.argument for encoder in family.encoders if not encoder.chunked] if len(prompt.chunks) > 1 else []


def _scales_rows(prompts: Sequence[ReadPrompt], reading: PromptReading) -> bool:
    """Whether the empty prompt's rows are needed, too."""
    return reading.word_weights == "rows" and any(prompt.is_weighted for prompt in prompts)


def _encode_prompt(family: Family, pipeline: Any, **arguments: Any) -> dict[str, Tensor]:
    """What ``encode_prompt`` returns, by name; options that are not given here are those of the pipeline's own call."""
    accepted = inspect.signature(pipeline.encode_prompt).parameters
    options = {name: called_with(pipeline, name) for name in OPTIONS}
    options |= {"device": pipeline._execution_device, "num_images_per_prompt": 1} | arguments
    with quiet_libraries(), with_text_models(pipeline):  # what is cut off was reported
        returned = pipeline.encode_prompt(**{name: value for name, value in options.items() if name in accepted})
    pipeline.maybe_free_model_hooks()  # under offloading, the encoder makes room again
    named = zip(family.returns, returned, strict=False)
    tensors = {name: tensor for name, tensor in named if name and tensor is not None}
    for name, tensor in tensors.items():
        require_finite_numbers(tensor, f"text encoder: the {name} of the prompts")
    return tensors


def _warn_of_long(family: Family, encoder: Encoder, pipeline: Any, prompts: Sequence[ReadPrompt]) -> None:
    """One warning: what is cut off from a single prompt, or how many of several are cut off."""
    positions = encoder.positions(pipeline)
    counted = [
        (prompt.source, encoder.token_count(pipeline, text.text))
        for prompt in prompts
        for text in prompt.texts(encoder.chunked)
    ]
    long = [(source, tokens) for source, tokens in counted if tokens > positions]
    if not long:
        return
    name = "the text encoder" if len(family.encoders) == 1 else f"the text encoder {encoder.cloud!r}"
    [source, tokens] = long[0]
    if len(prompts) > 1:
        message = (
            f"{len(long)} of {len(prompts)} prompts truncated to {name}'s {positions} positions; "
            f"the first: {shortened(source)}"
        )
    else:
        message = (
            f"prompt truncated: {tokens} tokens, {name} has {positions} positions; "
            f"the last {tokens - positions} before the end token were dropped: {shortened(source)}"
        )
    advice = " (long_prompts 'chunks', --long-prompts chunks, keeps them)" if encoder.chunked else ""
    warnings.warn(message + advice, TruncationWarning, stacklevel=2)
