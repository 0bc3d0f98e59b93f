"""Tolerances, by dtype: how far rounding alone may carry two computations of the same thing apart.

All are one argument, and nothing in it is tuned. A rounding error is uniform within half a machine epsilon: variance
eps²/12. After m of them, a random walk has the variance m·eps²/12, the difference of two such walks m·eps²/6.
"""

import math

import torch

DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def eps(dtype: torch.dtype) -> float:
    """Machine epsilon."""
    return torch.finfo(dtype).eps


def random_walk(dtype: torch.dtype, roundings: float) -> float:
    """Standard deviation of the difference of two walks of so many roundings each, of numbers of size 1."""
    return eps(dtype) * (roundings / 6) ** 0.5


def rounding_tolerance(module: torch.nn.Module, dtype: torch.dtype, *, rows: int, repeated: int = 0) -> float:
    """Largest relative difference of two evaluations of ``module`` that the order of summation may cause.

    One rounding for each stored layer output, in ``dtype``, and one for each term of each sum, in the dtype of the
    accumulator: float32 for half precisions, ``dtype`` otherwise. A layer sums over its fan-in; attention sums over
    ``rows`` text rows. Layers are counted as if they all lay on one path: an upper bound of the depth.

    Where ``repeated`` of the rows are the same (padding that was zeroed), their roundings are the same too, and add up
    instead of walking: the k-th partial sum rounds by up to k·eps/2 terms, so that a sum of n equal terms is off by up
    to n·eps/4 of itself, both above and below attention's fraction line. That bounds one evaluation. Two that are
    compared drift alike where their equal rows stand alike, and then differ by less.
    """
    fan_ins = [weight[0].numel() for weight in module.parameters() if weight.ndim >= 2]
    accumulator = torch.float32 if dtype.itemsize < 4 else dtype
    drift = repeated * eps(accumulator) / 2
    return random_walk(dtype, len(fan_ins)) + random_walk(accumulator, sum(fan_ins) + rows) + drift


def sampling_tolerance(denoiser: float, dtype: torch.dtype, *, steps: int, guidance: float) -> float:
    """The same for the latents after sampling, given the ``denoiser``'s tolerance.

    A guided prediction u + g·(c − u) has the error of √(g² + (g−1)²) evaluations. The steps' predictions are averaged
    between noise and image, so their independent errors shrink by √steps; storing the latents rounds at each.
    """
    guided = (guidance**2 + (guidance - 1) ** 2) ** 0.5 if guidance > 1 else 1.0
    return denoiser * guided / steps**0.5 + random_walk(dtype, steps)


def pixel_tolerance(latents: float, decoder: float, *, pixels: int) -> int:
    """Largest pixel difference, in levels of 255, that follows from relative errors of latents and of the decoder.

    A relative error ε of an image with values from −1 to 1 is at most ε of half the scale on average (root mean
    square). Of N independent errors the largest is about √(2 ln N) times that, and rounding to 8 bits adds one level.

    Args:
        latents: relative tolerance of the sampled latents (:func:`sampling_tolerance`).
        decoder: relative tolerance of the decoder (:func:`rounding_tolerance`).
        pixels: N, the number of values of an image.
    """
    largest = (2 * math.log(pixels)) ** 0.5
    return 1 + int(255 / 2 * math.hypot(latents, decoder) * largest)
