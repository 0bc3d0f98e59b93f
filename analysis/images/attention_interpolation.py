"""Frames that attend to the frames at both ends while they are made: AID through the unchanged pipeline call."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor


@contextmanager
def attend_to_ends(denoiser: torch.nn.Module, times: Sequence[float], kind: str) -> Iterator[None]:
    """Within the context, every frame of a batch attends to its first and last, in cross- and self-attention.

    The formulas are those of :class:`geometry.AttentionInterpolationPath`. Every layer keeps its own attention
    processor: appending rows to what it reads appends to its keys and values, and, keys being linear in rows,
    interpolating rows interpolates keys. The layers are as they were afterwards, also after an exception.

    Args:
        times: t for each frame of the batch, 0 first and 1 last. A guided batch is the frames twice, the
            unconditional half first; each half attends within itself.
        kind: "inner" or "outer".

    Raises:
        ValueError: no attention layers; a batch that does not consist of whole halves of so many frames.
    """
    from diffusers.models.attention_processor import Attention

    layers = [module for module in denoiser.modules() if isinstance(module, Attention)]
    if not layers:
        raise ValueError(f"{type(denoiser).__name__} has no attention layers to interpolate")
    try:
        for layer in layers:
            layer.forward = partial(_attend, layer.forward, torch.tensor(times), kind)
        yield
    finally:
        for layer in layers:
            vars(layer).pop("forward", None)


def _attend(
    attend: Callable[..., Tensor],
    times: Tensor,
    kind: str,
    hidden_states: Tensor,
    encoder_hidden_states: Tensor | None = None,
    **kwargs: Any,
) -> Tensor:
    rows = hidden_states if encoder_hidden_states is None else encoder_hidden_states
    if rows.ndim != 3 or len(rows) % len(times):
        raise ValueError(f"rows of shape {tuple(rows.shape)} in batches of {len(times)} frames")
    halves = rows.unflatten(0, (-1, len(times)))
    first, last = (halves[:, [end]].expand_as(halves).flatten(0, 1) for end in (0, -1))
    share = times.to(rows).repeat(len(halves))[:, None, None]

    def attend_also_to(others: Tensor) -> Tensor:
        return attend(hidden_states, encoder_hidden_states=torch.cat([rows, others], dim=1), **kwargs)

    if kind == "inner":
        return attend_also_to(torch.lerp(first, last, share))
    return torch.lerp(attend_also_to(first), attend_also_to(last), share)
