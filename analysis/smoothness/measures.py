"""Perceptual steps → how smooth a path looks. Pure functions of d_k = D(I_k, I_k+1), k = 0 … T−1, and D(I_0, I_T)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Smoothness:
    """The measures of one path; the ratios are None where they are undefined (a path that does not move).

    Attributes:
        ppl: Σ_k d_k, the perceptual path length. Low is better.
        energy: T·Σ_k d_k², the StyleGAN-like form (arXiv:1812.04948). At least ppl², equal for even steps.
        directness: D(I_0, I_T) / Σ_k d_k; in (0, 1] for a metric D. High is better.
        worst_step: max_k d_k / mean_k d_k, at least 1. Low is better.
        gini: Gini coefficient of the d_k, from 0 (even) to 1 − 1/T. Low is better.
    """

    ppl: float
    energy: float
    directness: float | None
    worst_step: float | None
    gini: float | None


#: measure → what tables and figures call it
TITLES = {
    "ppl": "PPL",
    "energy": "energy",
    "directness": "directness",
    "worst_step": "worst step",
    "gini": "Gini",
}


def measure_smoothness(steps: Float[np.ndarray, " steps"], end_to_end: float) -> Smoothness:
    """Smoothness of a path from its perceptual steps and the distance between its two ends.

    Raises:
        ValueError: no steps, or steps that are negative or not finite.
    """
    steps = np.asarray(steps, dtype=np.float64)
    if steps.ndim != 1 or not len(steps) or not np.isfinite(steps).all() or (steps < 0).any():
        raise ValueError(f"steps: wanted at least one finite non-negative number, got {steps}")
    length = float(steps.sum())
    energy = float(len(steps) * np.square(steps).sum())
    if length == 0:
        return Smoothness(0.0, 0.0, None, None, None)
    return Smoothness(length, energy, end_to_end / length, float(steps.max() / steps.mean()), gini(steps))


def gini(values: Float[np.ndarray, " values"]) -> float:
    """Gini coefficient Σ_ij |v_i − v_j| / (2 n² mean(v)): half the relative mean absolute difference."""
    return float(np.abs(values[:, None] - values[None]).mean() / (2 * values.mean()))
