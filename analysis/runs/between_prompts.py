"""Several conditionings and weights → the one between them."""

from collections.abc import Sequence

import torch

from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.geometry import barycenter


def between(corners: Sequence[Conditioning], weights: Sequence[float]) -> Conditioning:
    """The W_2 barycenter cloud by cloud; masses and vectors are the weighted means. Weights sum to 1.

    Raises:
        UserError: clouds that have no barycenter, rows that never come to rest.
    """
    first = corners[0]
    shares = list(zip(corners, weights, strict=True))
    try:
        clouds = {name: barycenter([corner.clouds[name] for corner in corners], weights) for name in first.clouds}
    except (ValueError, RuntimeError) as error:
        raise UserError(f"barycenter: {error}") from error
    return Conditioning(
        clouds,
        {name: sum(share * corner.masses[name] for corner, share in shares) for name in first.masses},
        {
            name: torch.stack([share * corner.vectors[name] for corner, share in shares]).sum(dim=0)
            for name in first.vectors
        },
    )
