"""Weights of a cloud → the model: log w_i added to the cross-attention logits of row i.

Attention is ∫ v(x) e^⟨q,k(x)⟩ dμ(x) / ∫ e^⟨q,k(x)⟩ dμ(x), a function of the measure μ = Σ w_i δ_{x_i} alone; a plain
softmax over rows is the case of equal weights. A row of weight zero is not there at all.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.overrides import TorchFunctionMode


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


class AttentionToText(NamedTuple):
    """One attention that saw the text: its number of keys, which of them are the text, and these keys themselves."""

    keys: int
    spans: Sequence[slice]
    text_keys: Float[Tensor, "heads n width"]


class TextKeys(TorchFunctionMode):
    """Watches every attention of any denoiser, and adds logits to the keys that are text rows.

    It meets ``torch.nn.functional.scaled_dot_product_attention``, through which all of diffusers' transformers attend,
    joint attention over text and image included: the place where hooks on cross-attention layers do not reach.

    Args:
        text_keys: ``(keys, n) → spans``: which of so many keys are the n text rows.
        n: number of text rows.
        logits: (n,), added to the logits of the text rows; None: only watch.
    """

    def __init__(
        self, text_keys: Callable[[int, int], Sequence[slice]], n: int, logits: Float[Tensor, " n"] | None = None
    ) -> None:
        super().__init__()
        self.text_keys, self.n, self.logits = text_keys, n, logits
        self.attentions: list[AttentionToText] = []

    def __torch_function__(self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if function is not F.scaled_dot_product_attention:
            return function(*args, **(kwargs or {}))
        call = dict(zip(("query", "key", "value", "attn_mask", "dropout_p", "is_causal"), args, strict=False))
        call |= kwargs or {}
        key = call["key"]
        spans = self.text_keys(key.shape[-2], self.n)
        if spans:
            self.attentions.append(AttentionToText(key.shape[-2], spans, key[0, :, spans[0]]))
        if spans and self.logits is not None:
            call["attn_mask"] = self._with_logits(call.get("attn_mask"), key, spans)
        return function(**call)

    def _with_logits(self, mask: Tensor | None, key: Tensor, spans: Sequence[slice]) -> Tensor:
        bias = key.new_zeros(key.shape[-2])
        for span in spans:
            bias[span] = self.logits.to(key)  # type: ignore[union-attr]
        if mask is None:
            return bias[None, :]
        if mask.dtype == torch.bool:
            return bias.expand(mask.shape).masked_fill(~mask, -torch.inf)
        return mask + bias
