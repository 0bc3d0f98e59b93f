"""How long a path is: the sum over its steps, in the distance in which it has a length."""

from collections.abc import Sequence
from itertools import pairwise

from whichway.geometry.distance import wasserstein
from whichway.geometry.ground import EUCLIDEAN, GroundMetric
from whichway.geometry.path import SPHERICAL_HK, W1, W2, Path
from whichway.geometry.unbalanced import HellingerKantorovichPath, spherical_hellinger_kantorovich


def step_lengths(path: Path, times: Sequence[float], *, ground: GroundMetric = EUCLIDEAN) -> list[float]:
    """D(path(t_k), path(t_k+1)) for each k, D the distance that ``path.length_in`` names.

    Their sum is a lower bound of the path's length, to which it rises as the times get denser.

    Args:
        ground: of W_1 and W_2; the unbalanced path has a ground metric and a κ of its own.

    Raises:
        ValueError: a path that has no length in any distance known here.
        RuntimeError: the solver did not converge.
    """
    clouds = [path(t) for t in times]
    if path.length_in in (W1, W2):
        p = 1 if path.length_in == W1 else 2
        return [wasserstein(a, b, p=p, ground=ground) for a, b in pairwise(clouds)]
    if path.length_in == SPHERICAL_HK and isinstance(path, HellingerKantorovichPath):
        return [
            spherical_hellinger_kantorovich(a, b, kappa=path.kappa, ground=path.ground) for a, b in pairwise(clouds)
        ]
    raise ValueError("this path has no length in W_1, W_2 or the spherical Hellinger–Kantorovich distance")
