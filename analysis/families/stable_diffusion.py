"""Stable Diffusion 1.x and 2.x: one text encoder, one cloud, seen by a UNet through cross-attention alone."""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from whichway.analysis.families.clip_skip import with_text_model
from whichway.analysis.families.conditioning import Conditioning
from whichway.analysis.families.family import Family
from whichway.analysis.quiet import quiet_libraries
from whichway.geometry import PointCloud

BATCH = 32  # prompts that the text encoder reads together


class TruncationWarning(UserWarning):
    """A prompt was longer than the text encoder's positions; its end was cut off."""


def encode(pipeline: Any, prompts: Sequence[str], *, clip_skip: int | None = None) -> Iterator[Conditioning]:
    """All n positions (77 for CLIP) of each prompt, padding included, as float32 rows on the CPU.

    ``labels`` are the tokens; ``size`` counts the prompt's own (start token, words, end token). Prompts that are too
    long are cut off, with one :class:`TruncationWarning`.
    """
    warn_of_long(pipeline, prompts)
    for first in range(0, len(prompts), BATCH):
        yield from _encode_batch(pipeline, prompts[first : first + BATCH], clip_skip)


def warn_of_long(pipeline: Any, prompts: Sequence[str]) -> None:
    """One warning: what is cut off from a single prompt, or how many of several are cut off."""
    positions = pipeline.tokenizer.model_max_length
    long = [prompt for prompt in prompts if _token_count(pipeline, prompt) > positions]
    if not long:
        return
    if len(prompts) > 1:
        message = (
            f"{len(long)} of {len(prompts)} prompts truncated to the text encoder's {positions} positions; "
            f"the first: {long[0]!r}"
        )
    else:
        tokens = _token_count(pipeline, long[0])
        message = (
            f"prompt truncated: {tokens} tokens, the text encoder has {positions} positions; "
            f"the last {tokens - positions} before the end token were dropped: {long[0]!r}"
        )
    warnings.warn(message, TruncationWarning, stacklevel=2)


def _token_count(pipeline: Any, prompt: str) -> int:
    return len(pipeline.tokenizer(as_encoded(pipeline, prompt), verbose=False).input_ids)


def as_encoded(pipeline: Any, prompt: str) -> str:
    """The prompt as the pipeline's encoder reads it: one token for each vector of a textual inversion."""
    text: str = pipeline.maybe_convert_prompt(prompt, pipeline.tokenizer)
    return text


@torch.inference_mode()
def _encode_batch(pipeline: Any, prompts: Sequence[str], clip_skip: int | None) -> list[Conditioning]:
    tokenizer = pipeline.tokenizer
    positions = tokenizer.model_max_length
    with quiet_libraries(), with_text_model(pipeline.text_encoder):  # the truncation has been said
        rows, _ = pipeline.encode_prompt(
            list(prompts), pipeline._execution_device, 1, do_classifier_free_guidance=False, clip_skip=clip_skip
        )
    texts = [as_encoded(pipeline, prompt) for prompt in prompts]
    ids = tokenizer(texts, padding="max_length", max_length=positions, truncation=True).input_ids
    clouds = [
        PointCloud(
            own.float().cpu(),
            labels=tuple(token.removesuffix("</w>") for token in tokenizer.convert_ids_to_tokens(tokens)),
            size=min(_token_count(pipeline, prompt), positions),
            source=prompt,
        )
        for own, tokens, prompt in zip(rows, ids, prompts, strict=True)
    ]
    return [Conditioning({"text": cloud}, source=cloud.source) for cloud in clouds]


STABLE_DIFFUSION = Family(
    name="Stable Diffusion 1.x and 2.x",
    components=("tokenizer", "text_encoder", "unet", "vae", "scheduler"),
    without=("text_encoder_2", "text_encoder_3", "transformer"),
    denoiser="unet",
    clouds=("text",),
    symmetry="measure",
    embeds=("prompt_embeds", "negative_prompt_embeds"),
    encode=encode,
    width=lambda pipeline: pipeline.unet.config.cross_attention_dim,
)
