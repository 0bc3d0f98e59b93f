"""Perceptual steps → how smooth a path looks, and how consistent: pure functions of distances between its frames."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class PerceptualSteps:
    """Perceptual distances D between the frames I_0 … I_T of a path.

    Attributes:
        steps: d_k = D(I_k, I_k+1), k = 0 … T − 1.
        end_to_end: D(I_0, I_T).
        skips: D(I_k, I_k+2), k = 0 … T − 2: how much the path turns; None where nobody measured.
        power: of which a Euclidean distance between features D is: 1 for a metric, 2 for a squared one (LPIPS); None
            where there are no such features.

    Raises:
        ValueError: no steps, numbers that are negative or not finite, or skips of another count than T − 1.
    """

    steps: Float[np.ndarray, " steps"]
    end_to_end: float
    skips: Float[np.ndarray, " skips"] | None = None
    power: int | None = 1

    def __post_init__(self) -> None:
        steps = np.asarray(self.steps, dtype=np.float64)
        if steps.ndim != 1 or not len(steps) or not np.isfinite(steps).all() or (steps < 0).any():
            raise ValueError(f"steps: wanted at least one finite non-negative number, got {steps}")
        object.__setattr__(self, "steps", steps)
        if self.skips is not None and len(self.skips) != len(steps) - 1:
            raise ValueError(f"skips: wanted {len(steps) - 1}, one fewer than steps, got {len(self.skips)}")


@dataclass(frozen=True)
class Smoothness:
    """The measures of one path; None where they are undefined (a path that does not move, or does not turn).

    Steps are those of the perceptual distance itself, so that PPL under LPIPS is the paper's: the sum of plain LPIPS.
    LPIPS is a squared distance. So its PPL falls as 1/T with more frames (StyleGAN's own form, which divides by the
    squared step, is T·ppl), and the ratio of its chord to its path would grow to T: directness and curvature, which
    speak of the path's shape, are taken in the space of its features, where √LPIPS is the distance.

    Attributes:
        ppl: Σ_k d_k, the perceptual path length. Low is better.
        energy: T·Σ_k d_k². At least ppl², equal for even steps; StyleGAN's form (arXiv:1812.04948) of a metric D. Low
            is better.
        directness: chord over path, D(I_0, I_T) / Σ_k d_k of the metric: of √D where D is squared. In (0, 1] for a
            metric; may exceed 1 under ``ssim`` and ``flip``, which are none. High is better.
        worst_step: max_k d_k / mean_k d_k, at least 1. Low is better.
        gini: Gini coefficient of the d_k, from 0 (even) to 1 − 1/T: AID's "smoothness" (arXiv:2403.17924). Low is
            better.
        curvature: mean angle between consecutive steps in the distance's feature space, in degrees, 0 to 180: 0 along
            a straight line, 90 where each step goes somewhere new, 120 between unrelated images (Hénaff, Goris,
            Simoncelli 2019, *Perceptual straightening of natural videos*). None for distances without features. Low is
            better.
        consistency: mean_k d_k, AID's "consistency": another axis than smoothness, since even steps may be long. Low is
            better.
    """

    ppl: float
    energy: float
    directness: float | None
    worst_step: float | None
    gini: float | None
    curvature: float | None = None
    consistency: float | None = None


def measure_smoothness(path: PerceptualSteps) -> Smoothness:
    """The measures of a path, from the distances between its frames."""
    steps = path.steps
    length, energy = float(steps.sum()), float(len(steps) * np.square(steps).sum())
    if length == 0:
        return Smoothness(0.0, 0.0, None, None, None, None, 0.0)
    root = 1 / (path.power or 1)
    return Smoothness(
        ppl=length,
        energy=energy,
        directness=float(path.end_to_end**root / (steps**root).sum()),
        worst_step=float(steps.max() / steps.mean()),
        gini=gini(steps),
        curvature=_curvature(path),
        consistency=float(steps.mean()),
    )


def gini(values: Float[np.ndarray, " values"]) -> float:
    """Gini coefficient Σ_ij |v_i − v_j| / (2 n² mean(v)): half the relative mean absolute difference."""
    return float(np.abs(values[:, None] - values[None]).mean() / (2 * values.mean()))


def _curvature(path: PerceptualSteps) -> float | None:
    """By the law of cosines, |u + v|² = |u|² + |v|² + 2|u||v| cos θ: distances say all that features would."""
    if path.power is None or path.skips is None:
        return None
    lengths, skips = path.steps ** (1 / path.power), path.skips ** (1 / path.power)
    before, after = lengths[:-1], lengths[1:]
    moving = (before > 0) & (after > 0)
    if not moving.any():
        return None
    before, after, skips = before[moving], after[moving], skips[moving]
    cosines = (skips**2 - before**2 - after**2) / (2 * before * after)
    return float(np.degrees(np.arccos(cosines.clip(-1, 1))).mean())
