"""How good are approximate distances? Some pairs, drawn at random, are solved exactly too."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import spearmanr

from whichway.geometry import CloudStack, GroundMetric, PointCloud, wasserstein
from whichway.geometry.cloud_stack import is_stackable
from whichway.geometry.pairwise import wasserstein_pairs

SAMPLE = 200  # pairs on which an approximation is compared with exact W_2


@dataclass(frozen=True)
class Approximation:
    """How far approximate distances are from exact W_2, over a random sample of pairs.

    Attributes:
        pairs: how many pairs.
        ratio: mean of approximate / exact.
        low, high: between which 95 % of the ratios lie.
        rank_correlation: Spearman's, between approximate and exact.
    """

    pairs: int
    ratio: float
    low: float
    high: float
    rank_correlation: float

    def __str__(self) -> str:
        return (
            f"{self.ratio:.3f} of exact W_2 on average over {self.pairs} random pairs "
            f"(95 % of them {self.low:.3f} to {self.high:.3f}; rank correlation {self.rank_correlation:.3f})"
        )


def compare_with_exact(
    matrix: Float[np.ndarray, "N N"], clouds: Sequence[PointCloud], ground: GroundMetric, *, seed: int = 0
) -> Approximation | None:
    """Solve a random sample of pairs exactly and compare; None where all sampled clouds are the same."""
    first, second = random_pairs(len(clouds), np.random.default_rng(seed))
    exact = _exact_pairs(clouds, first, second, ground)
    size = max(float(clouds[index].rows.norm(dim=1).max()) for index in np.unique(np.concatenate([first, second])))
    apart = exact > size * np.finfo(np.float32).eps ** 0.5  # nearer ones are one and the same up to rounding
    if not apart.any():
        return None
    ratios = matrix[first, second][apart] / exact[apart]
    low, high = np.quantile(ratios, (0.025, 0.975))
    correlation = _rank_correlation(matrix[first, second], exact)
    return Approximation(int(apart.sum()), float(ratios.mean()), float(low), float(high), correlation)


def random_pairs(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Both indices of each pair, the greater first: of those below the diagonal, k is in row ⌊(1 + √(1 + 8k)) / 2⌋."""
    pairs = count * (count - 1) // 2
    chosen = rng.choice(pairs, min(SAMPLE, pairs), replace=False)
    first = ((1 + np.sqrt(1 + 8 * chosen)) / 2).astype(int)
    return first, chosen - first * (first - 1) // 2


def _rank_correlation(approximate: np.ndarray, exact: np.ndarray) -> float:
    """Spearman's; 1 where there is no order to get wrong."""
    if len(exact) < 3 or not np.ptp(exact) or not np.ptp(approximate):
        return 1.0
    return float(spearmanr(approximate, exact).statistic)


def _exact_pairs(
    clouds: Sequence[PointCloud], first: np.ndarray, second: np.ndarray, ground: GroundMetric
) -> Float[np.ndarray, " pairs"]:
    needed = np.unique(np.concatenate([first, second]))
    sampled = [clouds[index] for index in needed.tolist()]
    if not is_stackable(sampled):
        return np.array([wasserstein(clouds[i], clouds[j], ground=ground) for i, j in zip(first, second, strict=True)])
    stack = CloudStack.of(sampled, ground=ground)
    return wasserstein_pairs(stack, np.searchsorted(needed, first), np.searchsorted(needed, second))
