"""Frames of many paths against real images: the kernel distance of Bińkowski et al. 2018 (KID, arXiv:1801.01401).

MMD² between two distributions P and Q of images: E k(x, x') + E k(y, y') − 2 E k(x, y) with the polynomial kernel
k(x, y) = (x·y/d + 1)³ between features, estimated without bias, so that it is 0 on average where P = Q and may be
negative. KID is this under the features of an Inception network; here they are those of LPIPS' AlexNet, which is at
hand without a download and sees 64×64 in its own scale. Numbers compare with one another, not with published KIDs.

It speaks of distributions: the frames of one path are alike, and so are far from "all pictures" however good each of
them is. So it is for the frames of many paths between different prompts, pooled; a path has none of its own.
"""

from collections.abc import Hashable, Sequence
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch.nn.functional import normalize

from whichway.analysis.smoothness.feature_space import LOOKED_AT_TOGETHER
from whichway.analysis.smoothness.lpips import alexnet_outputs

Images = UInt8[np.ndarray, "frames height width 3"]
Features = Float[np.ndarray, "_ d"]  # any number of rows, of one width
DEGREE = 3


def kernel_features(images: Images) -> Features:
    """AlexNet's five outputs, averaged over places, each of length √channels: (n, 1152) float64.

    Of any size of images; those of both distributions have to have the same.
    """
    together = max(1, LOOKED_AT_TOGETHER // (images.shape[1] * images.shape[2]))
    batches = [_embed(images[first : first + together]) for first in range(0, len(images), together)]
    return np.concatenate(batches) if batches else np.zeros((0, 1152))


def _embed(images: Images) -> Features:
    means = [output.double().mean(dim=(2, 3)) for output in alexnet_outputs(images)]
    return torch.cat([normalize(mean, dim=1) * mean.shape[1] ** 0.5 for mean in means], dim=1).numpy()


def kernel_distance(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"], *, groups: Sequence[Hashable] | None = None
) -> float:
    """The unbiased estimate of MMD² between the distributions that the rows of ``x`` and of ``y`` are drawn from.

    Args:
        groups: which rows of ``x`` are not independent of each other, such as the frames between one pair of prompts.
            k(x, x') is then averaged over rows of different groups only. Default: every row is its own.

    Raises:
        ValueError: fewer than two groups, fewer than two rows of ``y``, or features of different width.
    """
    own = np.arange(len(x)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    if len(set(own.tolist())) < 2 or len(y) < 2 or len(own) != len(x) or x.shape[1] != y.shape[1]:
        raise ValueError(
            f"kernel distance: wanted rows of at least two groups and two other rows of the same width, got {x.shape} "
            f"in {len(set(own.tolist()))} groups and {y.shape}"
        )
    apart = own[:, None] != own[None]
    within_y = polynomial_kernel(y, y)
    return float(
        polynomial_kernel(x, x)[apart].mean()
        + (within_y.sum() - np.trace(within_y)) / (len(y) * (len(y) - 1))
        - 2 * polynomial_kernel(x, y).mean()
    )


def polynomial_kernel(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "n m"]:
    """k(x_i, y_j) = (x_i·y_j / d + 1)³."""
    return (x @ y.T / x.shape[1] + 1) ** DEGREE


@cache
def painted_features(count: int = 500, *, seed: int = 0) -> Features:
    """Features of painted pictures of the miniature's world: its reality. Single objects and pairs, half and half."""
    from whichway.miniature.painter import paint
    from whichway.miniature.world import sample_scene

    rng = np.random.default_rng([2_511_12757, 12, seed])
    scenes = [sample_scene(rng, held_out=None, two_objects=0.5) for _ in range(count)]
    return kernel_features(np.stack([paint(scene, rng) for scene in scenes]))
