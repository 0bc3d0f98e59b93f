"""Frames that attend to the frames at both ends while they are made: AID through the unchanged pipeline call."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor

from whichway.analysis.errors import UserError
from whichway.analysis.families import Family

WARM_UP = 0.5  # share of the sampling steps in which frames attend to the ends: the authors' default


def warm_up_steps(num_inference_steps: int) -> int:
    """How many of the sampling steps, from the first on, have interpolated attention: half of them, rounded down."""
    return int(WARM_UP * num_inference_steps)


def require_interpolable_attention(family: Family) -> None:
    """Frames can attend to those of both ends where layers of cross- and self-attention are given rows to read.

    Raises:
        UserError: a family with joint attention, or with a mask on its text.
    """
    if family.text_keys != "alone":
        raise UserError(
            f"attention interpolation needs cross-attention; in {family.name} text and image share one attention, "
            "where AID is not defined; choose other methods (mixture is its next of kin)"
        )
    if family.mask == "hidden":
        raise UserError(
            f"attention interpolation needs texts of one size; those of {family.name} are as long as their prompts, "
            "behind a mask; choose other methods (mixture is its next of kin)"
        )


@contextmanager
def attend_to_ends(denoiser: torch.nn.Module, times: Sequence[float], kind: str, *, steps: int) -> Iterator[None]:
    """Within the context, every frame of a batch attends to its first and last, in cross- and self-attention.

    The formulas are those of :class:`whichway.analysis.paths.attention_interpolation.AttentionInterpolationPath`. Every
    layer keeps its own attention processor: appending rows to what it reads appends to its keys and values, and, keys
    being linear in rows, interpolating rows interpolates keys. In the unconditional half of a guided batch each frame
    gets copies of its own rows, which attention does not see.

    All of it is torch's hooks: no ``forward`` is replaced, so that those of others (offloading, say) stay where they
    are. Hooks of others on the layers see what the layer is given, and what comes out in the end. They are taken off
    afterwards, also after an exception.

    Args:
        times: t for each frame of the batch, 0 first and 1 last. A guided batch is the frames twice, the
            unconditional half first.
        kind: "inner" or "outer".
        steps: only so many calls of the denoiser, the first ones, are changed (:func:`warm_up_steps`).

    Raises:
        ValueError: no attention layers; a batch that is not so many frames, once or twice.
    """
    from diffusers.models.attention_processor import Attention

    layers = [module for module in denoiser.modules() if isinstance(module, Attention)]
    if not layers:
        raise ValueError(f"{type(denoiser).__name__} has no attention layers to interpolate")
    shares, calls = torch.tensor(times), 0

    def count(denoiser: torch.nn.Module, args: tuple) -> None:
        nonlocal calls
        calls += 1

    def join(layer: torch.nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]] | None:
        if calls > steps:
            return None
        rows = _rows(args, kwargs)
        first, last, share = _ends(rows, shares)
        others = torch.lerp(first, last, share) if kind == "inner" else first
        return args, kwargs | {"encoder_hidden_states": torch.cat([rows, others], dim=1)}

    def interpolate_outputs(
        layer: torch.nn.Module, args: tuple, kwargs: dict[str, Any], to_first: Tensor
    ) -> Tensor | None:
        if calls > steps:
            return None
        rows = kwargs["encoder_hidden_states"]
        rows = rows[:, : rows.shape[1] // 2]  # its own
        _, last, share = _ends(rows, shares)
        to_last = layer.forward(*args, **kwargs | {"encoder_hidden_states": torch.cat([rows, last], dim=1)})
        return torch.lerp(to_first, to_last, share)

    with ExitStack() as hooks:
        hooks.callback(denoiser.register_forward_pre_hook(count).remove)
        for layer in layers:
            hooks.callback(layer.register_forward_pre_hook(join, with_kwargs=True).remove)
            if kind == "outer":
                hooks.callback(layer.register_forward_hook(interpolate_outputs, with_kwargs=True, prepend=True).remove)
        yield


def _rows(args: tuple, kwargs: dict[str, Any]) -> Tensor:
    """What a layer reads: the text, or without one the image's own rows."""
    text = kwargs.get("encoder_hidden_states")
    if isinstance(text, tuple):  # as IP-Adapters have it
        raise UserError(
            "attention interpolation: the model attends to an image too (IP-Adapter); choose another method"
        )
    if text is not None:
        return text
    return args[0] if args else kwargs["hidden_states"]


def _ends(rows: Tensor, times: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For each element of the batch the rows of its first and last frame, and t; unconditional ones stay by themselves.

    Raises:
        ValueError: the batch is not the frames once or twice.
    """
    frames = len(times)
    if rows.ndim != 3 or len(rows) not in {frames, 2 * frames}:
        raise ValueError(f"rows of shape {tuple(rows.shape)} in batches of {frames} frames")
    unconditional, conditional = rows[:-frames], rows[-frames:]
    first, last = (torch.cat([unconditional, conditional[[end]].expand_as(conditional)]) for end in (0, -1))
    share = torch.cat([times.new_zeros(len(unconditional)), times])
    return first, last, share.to(rows)[:, None, None]
