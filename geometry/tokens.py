"""Which rows a coupling may match: all, or those that the prompts' words say something with."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from whichway.geometry.cloud import PointCloud
from whichway.geometry.ground import require_same_shape

#: which rows a coupling may match; the others keep their index
TOKENS = {
    "all": "all rows, padding included",
    "own": "the prompts' own tokens, up to the longer prompt's end token",
    "words": "own tokens without the start token",
}


def matchable_rows(a: PointCloud, b: PointCloud, tokens: str) -> Bool[Tensor, "n m"] | None:
    """Which rows may be matched: the chosen ones with each other, every other one with its own index; None: all.

    Raises:
        ValueError: unknown tokens; a choice of rows in clouds of different shape.
    """
    if tokens == "all":
        return None
    chosen = token_rows(a, b, tokens)
    matchable = torch.eye(len(a), dtype=torch.bool)
    matchable[chosen[:, None], chosen] = True
    return matchable


def token_rows(a: PointCloud, b: PointCloud, tokens: str) -> Int[Tensor, " k"]:
    """Indices of the rows that ``tokens`` names, the same for both clouds: up to the longer one's own size.

    Raises:
        ValueError: unknown tokens; clouds of different shape.
    """
    if tokens not in TOKENS:
        raise ValueError(f"unknown tokens {tokens!r}; known: {', '.join(TOKENS)}")
    require_same_shape(a, b)
    size = len(a) if tokens == "all" else max(a.size, b.size)
    return torch.arange(1 if tokens == "words" and size > 1 else 0, size)
