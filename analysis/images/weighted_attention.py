"""Weights of a cloud → the model: log w_i added to the cross-attention logits of row i.

Attention is ∫ v(x) e^⟨q,k(x)⟩ dμ(x) / ∫ e^⟨q,k(x)⟩ dμ(x), a function of the measure μ = Σ w_i δ_{x_i} alone; a plain
softmax over rows is the case of equal weights. A row of weight zero is not there at all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


def cross_attention_layers(denoiser: torch.nn.Module) -> dict[str, Any]:
    """The denoiser's cross-attention layers by name: where it sees the conditioning."""
    from diffusers.models.attention_processor import Attention

    return {
        name: module
        for name, module in denoiser.named_modules()
        if isinstance(module, Attention) and module.is_cross_attention
    }


@contextmanager
def attend_with_weights(denoiser: torch.nn.Module, weights: Float[Tensor, "batch rows"]) -> Iterator[None]:
    """Within the context, every cross-attention layer of ``denoiser`` sees its rows with these weights.

    Works with any attention processor and through the unchanged pipeline call, whose batch ``weights`` has to match:
    with guidance, the unconditional half first. The layers are as they were afterwards, also after an exception.

    Raises:
        ValueError: no cross-attention layers; negative weights, or an element of the batch without mass.
    """
    if (weights < 0).any() or not (weights.sum(dim=1) > 0).all():
        raise ValueError("weights: wanted non-negative numbers with a positive sum in each element of the batch")
    # Scaled to a largest weight of 1: the total mass cancels in the softmax, and logs stay small in half precision.
    with add_to_logits(denoiser, (weights.double() / weights.max(dim=1, keepdim=True).values).log()):
        yield


@contextmanager
def add_to_logits(denoiser: torch.nn.Module, logits: Float[Tensor, "batch rows"]) -> Iterator[None]:
    """Within the context, ``logits`` are added to the attention logits of the rows in every cross-attention layer.

    Raises:
        ValueError: no cross-attention layers; rows of another shape arrive.
    """
    layers = cross_attention_layers(denoiser)
    if not layers:
        raise ValueError(f"{type(denoiser).__name__} has no cross-attention layers to weight")

    def add(layer: torch.nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        rows = kwargs.get("encoder_hidden_states")
        if rows is None:
            return args, kwargs
        if isinstance(rows, tuple):  # the text, and what an IP-Adapter attends to apart from it
            rows = rows[0]
        if rows.shape[:2] != logits.shape:
            raise ValueError(f"weights of shape {tuple(logits.shape)} for rows of shape {tuple(rows.shape)}")
        bias, mask = logits.unsqueeze(1).to(rows), kwargs.get("attention_mask")
        return args, kwargs | {"attention_mask": bias if mask is None else mask + bias}

    handles = [layer.register_forward_pre_hook(add, with_kwargs=True) for layer in layers.values()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
