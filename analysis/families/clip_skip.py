"""Leaving out the last layers of CLIP's text encoders: diffusers' ``clip_skip``."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from whichway.analysis.errors import UserError


def require_clip_skip(pipeline: Any, clip_skip: int) -> None:
    """Raises a :class:`UserError` where the pipeline has no such option, or no such number of layers."""
    if "clip_skip" not in inspect.signature(type(pipeline).encode_prompt).parameters:
        raise UserError(f"clip_skip: a {type(pipeline).__name__} has no such option; leave it out")
    layers = min(
        part.config.num_hidden_layers
        for part in pipeline.components.values()
        if type(part).__name__.startswith("CLIPText")
    )
    if not 1 <= clip_skip < layers:
        raise UserError(
            f"clip_skip: wanted 1 to {layers - 1}, since the text encoder has {layers} layers; got {clip_skip}"
        )


@contextmanager
def with_text_models(pipeline: Any) -> Iterator[None]:
    """Within the context CLIP's encoders have a ``text_model``, through which diffusers finds their last norm.

    Since transformers 5 a CLIPTextModel is that part itself, and diffusers' ``clip_skip`` fails without it.
    """
    encoders = [part for part in pipeline.components.values() if type(part).__name__.startswith("CLIPText")]
    lacking = [encoder for encoder in encoders if not hasattr(encoder, "text_model")]
    for encoder in lacking:
        vars(encoder)["text_model"] = encoder  # past torch, which would make it a module of itself
    try:
        yield
    finally:
        for encoder in lacking:
            del vars(encoder)["text_model"]
