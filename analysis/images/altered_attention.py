"""Cross-attention altered on purpose: what a check of the model needs to show that it can fail, and by how little."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from whichway.analysis.images.joint_attention import turned_by_place
from whichway.analysis.images.weighted_attention import cross_attention_layers


@contextmanager
def positions_on_keys(module: torch.nn.Module) -> Iterator[None]:
    """Attention broken on purpose: within the context every text key is turned by its row's position (RoPE).

    This is what several successors of Stable Diffusion do to their text, which is why theirs is no cloud.
    """

    def turn(_layer: torch.nn.Module, _args: tuple, keys: Tensor) -> Tensor:
        return turned_by_place(keys)

    handles = [layer.to_k.register_forward_hook(turn) for layer in cross_attention_layers(module).values()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def features_reordered(module: torch.nn.Module, seed: int = 0) -> Iterator[Tensor]:
    """The same function with the sum over the d features of a row taken in another order; yields that order (d,).

    Permutes the columns of W_K and W_V; rows have to come with their features in the order given. What changes in the
    output is rounding and nothing else: the floor under every other error.
    """
    projections = [
        getattr(layer, name) for layer in cross_attention_layers(module).values() for name in ("to_k", "to_v")
    ]
    originals = [projection.weight.data for projection in projections]
    order = torch.randperm(originals[0].shape[1], generator=torch.Generator().manual_seed(seed)).to(originals[0].device)
    try:
        for projection, original in zip(projections, originals, strict=True):
            projection.weight.data = original[:, order].contiguous()
        yield order
    finally:
        for projection, original in zip(projections, originals, strict=True):
            projection.weight.data = original
