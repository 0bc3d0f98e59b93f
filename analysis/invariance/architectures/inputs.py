"""What denoisers take beside their text, the same at every call: noise, time, pooled vectors, places in the image."""

import torch
from torch import Tensor

TIME = torch.tensor([500])
NOW = torch.tensor([0.5], dtype=torch.float64)  # for classes whose time runs from 0 to 1
TOKENS = 16  # image tokens: a 4×4 grid
ROW, COLUMN = torch.cartesian_prod(torch.arange(4), torch.arange(4)).unbind(1)


def fixed(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    """The same normal numbers at every call: noise, pooled vectors and whatever else is not the cloud."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def place_ids(*axes: Tensor) -> Tensor:
    """Places on several axes as the ids that rotary classes take, (tokens, axes) float64."""
    return torch.stack(axes, dim=1).double()


def image_places(axes: int) -> Tensor:
    """Ids of the image's tokens: an axis of zeros, row, column; with four axes, another of zeros."""
    zeros = torch.zeros(TOKENS)
    return place_ids(*(zeros, ROW, COLUMN, zeros)[:axes])
