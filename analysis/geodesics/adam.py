"""Adam (Kingma and Ba 2015, arXiv:1412.6980, algorithm 1), its direction apart from its step.

torch's own optimizer takes the step itself; here a direction is projected before it is one, and the moments are kept on
disk with the search that they belong to.
"""

import torch
from torch import Tensor

Moments = tuple[Tensor, Tensor]  # first and second, of the shape of the gradient


def adam_direction(
    moments: Moments | None, gradient: Tensor, count: int, betas: tuple[float, float]
) -> tuple[Tensor, Moments]:
    """Where Adam would go uphill, about as long as one in each coordinate; and the moments with this gradient.

    Args:
        moments: those of the iterations before; None: there were none.
        count: of this iteration, from 1.
    """
    first, second = moments or (torch.zeros_like(gradient), torch.zeros_like(gradient))
    first = betas[0] * first + (1 - betas[0]) * gradient
    second = betas[1] * second + (1 - betas[1]) * gradient.square()
    direction = (first / (1 - betas[0] ** count)) / ((second / (1 - betas[1] ** count)).sqrt() + 1e-12)
    return direction, (first, second)
