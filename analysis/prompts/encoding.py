"""Prompt → cloud: the token rows that the denoiser is conditioned on."""

import warnings
from collections.abc import Iterator, Sequence

import torch

from whichway.analysis.models.model import Model, quiet_libraries
from whichway.geometry import PointCloud

BATCH = 32  # prompts that the text encoder reads together


class TruncationWarning(UserWarning):
    """A prompt was longer than the text encoder's positions; its end was cut off."""


def encode(model: Model, prompt: str) -> PointCloud:
    """The conditioning of ``prompt``: all n positions (77 for CLIP), padding included, as float32 rows on the CPU.

    ``labels`` are the tokens, ``size`` counts the prompt's own (start token, words, end token). The empty prompt is
    legitimate: it is what guidance moves away from. Warns with :class:`TruncationWarning` when the prompt is too long.
    """
    positions = model.pipeline.tokenizer.model_max_length
    wanted = _token_count(model, prompt)
    if wanted > positions:
        warnings.warn(
            f"prompt truncated: {wanted} tokens, the text encoder has {positions} positions; "
            f"the last {wanted - positions} before the end token were dropped: {prompt!r}",
            TruncationWarning,
            stacklevel=2,
        )
    return _encode_batch(model, [prompt])[0]


def encode_all(model: Model, prompts: Sequence[str]) -> Iterator[PointCloud]:
    """As :func:`encode`, many prompts: read in batches, with one warning that counts those that are too long."""
    positions = model.pipeline.tokenizer.model_max_length
    long = [prompt for prompt in prompts if _token_count(model, prompt) > positions]
    if long:
        warnings.warn(
            f"{len(long)} of {len(prompts)} prompts truncated to the text encoder's {positions} positions; "
            f"the first: {long[0]!r}",
            TruncationWarning,
            stacklevel=2,
        )
    for first in range(0, len(prompts), BATCH):
        yield from _encode_batch(model, prompts[first : first + BATCH])


def _token_count(model: Model, prompt: str) -> int:
    return len(model.pipeline.tokenizer(prompt, verbose=False).input_ids)


@torch.inference_mode()
def _encode_batch(model: Model, prompts: Sequence[str]) -> list[PointCloud]:
    tokenizer = model.pipeline.tokenizer
    positions = tokenizer.model_max_length
    with quiet_libraries():  # the truncation has been said
        rows, _ = model.pipeline.encode_prompt(list(prompts), model.device, 1, do_classifier_free_guidance=False)
    ids = tokenizer(list(prompts), padding="max_length", max_length=positions, truncation=True).input_ids
    return [
        PointCloud(
            own.float().cpu(),
            labels=tuple(token.removesuffix("</w>") for token in tokenizer.convert_ids_to_tokens(tokens)),
            size=min(_token_count(model, prompt), positions),
            source=prompt,
        )
        for own, tokens, prompt in zip(rows, ids, prompts, strict=True)
    ]
