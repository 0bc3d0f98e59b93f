"""Keys and values of the conditioning, computed once for all steps: it is the same at every noise level."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from whichway.analysis.images.weighted_attention import cross_attention_layers


@contextmanager
def keys_and_values_once(denoiser: torch.nn.Module, text_modules: Sequence[str] = ()) -> Iterator[None]:
    """Within the context, cross-attention answers from memory when it is shown the same conditioning again.

    The same means the same memory, not an equal content: a pipeline passes one tensor through all its sampling steps.
    The layers are as they were afterwards, also after an exception.

    Args:
        text_modules: names of the denoiser's modules that rewrite the rows before the layers see them.
    """
    layers = cross_attention_layers(denoiser).values()
    projections = [projection for layer in layers for projection in (layer.to_k, layer.to_v) if projection is not None]
    modules = (getattr(denoiser, name, None) for name in text_modules)
    projections += [module for module in modules if module is not None]
    patched = {projection: vars(projection).get("forward") for projection in projections}  # by accelerate, perhaps
    try:
        for projection in projections:
            projection.forward = _remember_last(projection.forward)
        yield
    finally:
        for projection, forward in patched.items():
            del projection.forward
            if forward is not None:
                projection.forward = forward


def _remember_last(project: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    seen: Tensor | None = None
    answer: Tensor | None = None

    def projected(rows: Tensor) -> Tensor:
        nonlocal seen, answer
        if answer is None or seen is None or not _same_memory(rows, seen):
            seen, answer = rows, project(rows)
        return answer

    return projected


def _same_memory(rows: Tensor, seen: Tensor) -> bool:
    """Whether both are views of one memory, in one way: ``seen`` is kept, so nobody else has been given it since."""
    return rows is seen or (
        rows.data_ptr() == seen.data_ptr() and rows.shape == seen.shape and rows.stride() == seen.stride()
    )
