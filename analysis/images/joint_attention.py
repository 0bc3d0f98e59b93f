"""Weights of a cloud → the model, where text and image share one softmax: log w_i added to the logits of row i.

Hooks on cross-attention layers (:mod:`~whichway.analysis.images.weighted_attention`) do not reach there; a function
mode on ``scaled_dot_product_attention``, through which all of diffusers' transformers attend, does.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.overrides import TorchFunctionMode

from whichway.analysis.images.text_keys import Spans, text_first, text_last


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
        logits: (n,) or (batch, n), added to the logits of the text rows; None: only watch.
        watch: keep what was seen, in ``attentions``.

    Attributes:
        count: how many attentions saw the text.
    """

    def __init__(
        self,
        text_keys: Callable[[int, int], Spans],
        n: int,
        logits: Float[Tensor, "*batch n"] | None = None,
        *,
        watch: bool = True,
    ) -> None:
        super().__init__()
        self.text_keys, self.n, self.logits, self.watch = text_keys, n, logits, watch
        self.attentions: list[AttentionToText] = []
        self.count = 0

    def __torch_function__(self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if function is not F.scaled_dot_product_attention:
            return function(*args, **(kwargs or {}))
        call = dict(zip(("query", "key", "value", "attn_mask", "dropout_p", "is_causal"), args, strict=False))
        call |= kwargs or {}
        key = call["key"]
        spans = self.text_keys(key.shape[-2], self.n)
        self.count += bool(spans)
        if spans and self.watch:
            self.attentions.append(AttentionToText(key.shape[-2], spans, key[0, :, spans[0]]))
        if spans and self.logits is not None:
            call["attn_mask"] = self._with_logits(call.get("attn_mask"), key, spans)
        return function(**call)

    def _with_logits(self, mask: Tensor | None, key: Tensor, spans: Spans) -> Tensor:
        logits: Tensor = self.logits.to(key)  # type: ignore[union-attr]
        bias = key.new_zeros(*logits.shape[:-1], 1, 1, key.shape[-2])
        for span in spans:
            bias[..., 0, 0, span] = logits
        if mask is None:
            return bias
        if mask.dtype == torch.bool:
            return bias.expand(torch.broadcast_shapes(bias.shape, mask.shape)).masked_fill(~mask, -torch.inf)
        return mask + bias


class PlacesOnKeys(TextKeys):
    """Attention broken on purpose: every text key is turned by its row's place, as rotary text positions would."""

    def __torch_function__(self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if function is F.scaled_dot_product_attention:
            kwargs = dict(zip(("query", "key", "value", "attn_mask"), args, strict=False)) | (kwargs or {})
            args, key = (), kwargs["key"].clone()
            for span in self.text_keys(key.shape[-2], self.n):
                key[..., span, :] = turned_by_place(key[..., span, :])
            kwargs["key"] = key
        return super().__torch_function__(function, types, args, kwargs)


def turned_by_place(keys: Float[Tensor, "*batch n width"]) -> Float[Tensor, "*batch n width"]:
    """Rotary positions (RoPE): pairs of features of row i turned by angles that grow with i."""
    positions = torch.arange(keys.shape[-2], device=keys.device, dtype=torch.float32)[:, None]
    angles = positions * 100 ** -torch.linspace(0, 1, keys.shape[-1] // 2, device=keys.device)
    x, y = keys.float().unflatten(-1, (-1, 2)).unbind(-1)
    pairs = torch.stack([x * angles.cos() - y * angles.sin(), x * angles.sin() + y * angles.cos()], dim=-1)
    return pairs.flatten(-2).to(keys)


@contextmanager
def within_denoiser(
    denoiser: torch.nn.Module,
    mode: Callable[[Callable[[int, int], Spans], int], TextKeys],
    text_keys: Literal["first", "last"],
) -> Iterator[None]:
    """Within the context, each forward of the denoiser runs under ``mode(layout, number of text rows)``."""
    modes: list[TextKeys] = []

    def enter(module: torch.nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        modes.append(mode(text_layout(module, args, kwargs, text_keys), kwargs["encoder_hidden_states"].shape[1]))
        modes[-1].__enter__()

    def leave(*_: Any) -> None:
        if modes:
            modes.pop().__exit__(None, None, None)

    with ExitStack() as hooks:
        hooks.callback(denoiser.register_forward_pre_hook(enter, with_kwargs=True).remove)
        hooks.callback(denoiser.register_forward_hook(leave, always_call=True).remove)
        yield


@contextmanager
def attend_jointly_with_weights(
    denoiser: torch.nn.Module,
    passes: Sequence[Float[Tensor, "_ rows"]],
    text_keys: Literal["first", "last"],
) -> Iterator[None]:
    """Within the context, every attention of ``denoiser`` to the text sees its rows with these weights, in rows.

    Only within the denoiser's own forward: the decoder attends through the same function. Text and image share a
    softmax, so that a weight of 2 is a row twice, and the sum of the weights counts.

    Args:
        passes: weights of each element of a pass's batch; passes with batches of one size take turns.
        text_keys: whether the text stands before the image's keys (after registers, if there are any) or behind them.

    Raises:
        ValueError: negative weights; a batch of a size that no pass has, or of other rows.
        RuntimeError: no attention saw the text: it does not go through ``scaled_dot_product_attention``.
    """
    if any((weights < 0).any() or not (weights.sum(dim=1) > 0).all() for weights in passes):
        raise ValueError("weights: wanted non-negative numbers with a positive sum in each element of the batch")
    turns: dict[int, int] = {}
    modes: list[TextKeys] = []
    count = 0

    def enter(module: torch.nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        rows = kwargs["encoder_hidden_states"]
        size = len(rows)
        fitting = [weights for weights in passes if len(weights) == size]
        if not fitting or fitting[0].shape[1] != rows.shape[1]:
            shapes = " or ".join(str(tuple(weights.shape)) for weights in passes)
            raise ValueError(f"weights of shape {shapes} for rows of shape {tuple(rows.shape)}")
        turn = turns[size] = turns.get(size, -1) + 1
        layout = text_layout(module, args, kwargs, text_keys)
        modes.append(TextKeys(layout, rows.shape[1], fitting[turn % len(fitting)].log().to(rows), watch=False))
        modes[-1].__enter__()

    def leave(*_: Any) -> None:
        nonlocal count
        if not modes:  # entering failed
            return
        mode = modes.pop()
        mode.__exit__(None, None, None)
        count += mode.count

    with ExitStack() as hooks:
        hooks.callback(denoiser.register_forward_pre_hook(enter, with_kwargs=True).remove)
        hooks.callback(denoiser.register_forward_hook(leave, always_call=True).remove)
        yield
        if turns and not count:
            raise RuntimeError(
                f"no attention of {type(denoiser).__name__} to the text goes through scaled_dot_product_attention, "
                "where weights are put on rows; use the default attention backend"
            )


def text_layout(
    denoiser: Any, args: tuple, kwargs: dict[str, Any], text_keys: Literal["first", "last"]
) -> Callable[[int, int], Spans]:
    """Where the text's keys are, given how many keys are the image's: one for each patch of the latents."""
    latents = args[0] if args else kwargs["hidden_states"]
    if latents.ndim == 3:  # (batch, patches, channels)
        patches = latents.shape[1]
    else:
        height, width = (side // denoiser.config.patch_size for side in latents.shape[-2:])
        patches = height * width
    if text_keys == "last":
        return text_last(patches)
    registers = getattr(denoiser, "register_tokens", None)
    return text_first(patches, before=0 if registers is None else registers.shape[1])
