"""Perceptual distances with a gradient: the two that are powers of a Euclidean distance between features."""

from collections.abc import Callable

import torch
from jaxtyping import Float

from whichway.analysis.errors import UserError
from whichway.analysis.smoothness.efficientnet import EFFICIENTNET, efficientnet_embedding
from whichway.analysis.smoothness.feature_space import Features
from whichway.analysis.smoothness.lpips import LPIPS, lpips_embedding

Embedding = Callable[[Float[torch.Tensor, "frames 3 height width"]], Features]

#: name (:data:`whichway.analysis.vocabulary.PERCEPTUAL_DISTANCES`) → φ and the power of ‖φ(a) − φ(b)‖
EMBEDDINGS: dict[str, tuple[Embedding, int]] = {
    "lpips": (lpips_embedding, LPIPS.power),
    "efficientnet": (efficientnet_embedding, EFFICIENTNET.power),
}


def find_embedding(distance: str) -> tuple[Embedding, int]:
    """φ, of images with values in [0, 1], and p: the distance is ‖φ(a) − φ(b)‖^p.

    Raises:
        UserError: a perceptual distance without a gradient.
    """
    if distance not in EMBEDDINGS:
        raise UserError(f"perceptual distance {distance!r} has no gradient here; wanted {' or '.join(EMBEDDINGS)}")
    return EMBEDDINGS[distance]


def squared_steps(points: Float[torch.Tensor, "frames features"], power: int) -> Float[torch.Tensor, " steps"]:
    """D(I_k, I_k+1)² from the images' features; smooth also where two of them are the same."""
    squares: torch.Tensor = (points[1:] - points[:-1]).square().sum(dim=1) ** power
    return squares
