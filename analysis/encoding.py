"""Prompt → cloud: the token rows that the denoiser is conditioned on."""

import warnings

import torch

from analysis.model import Model, quiet_libraries
from geometry import PointCloud


class TruncationWarning(UserWarning):
    """A prompt was longer than the text encoder's positions; its end was cut off."""


@torch.inference_mode()
def encode(model: Model, prompt: str) -> PointCloud:
    """The conditioning of ``prompt``: all n positions (77 for CLIP), padding included, as float32 rows on the CPU.

    ``labels`` are the tokens, ``size`` counts the prompt's own (start token, words, end token). The empty prompt is
    legitimate: it is what guidance moves away from. Warns with :class:`TruncationWarning` when the prompt is too long.
    """
    pipeline = model.pipeline
    tokenizer = pipeline.tokenizer
    wanted = len(tokenizer(prompt, verbose=False).input_ids)
    positions = tokenizer.model_max_length
    if wanted > positions:
        warnings.warn(
            f"prompt truncated: {wanted} tokens, the text encoder has {positions} positions; "
            f"the last {wanted - positions} before the end token were dropped: {prompt!r}",
            TruncationWarning,
            stacklevel=2,
        )
    ids = tokenizer(prompt, padding="max_length", max_length=positions, truncation=True).input_ids
    with quiet_libraries():  # the truncation has been said
        rows, _ = pipeline.encode_prompt(prompt, model.device, 1, do_classifier_free_guidance=False)
    labels = tuple(token.removesuffix("</w>") for token in tokenizer.convert_ids_to_tokens(ids))
    return PointCloud(rows[0].float().cpu(), labels=labels, size=min(wanted, positions), source=prompt)
