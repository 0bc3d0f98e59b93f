"""Nearest neighbours under W_2 against solving every pair, and how time grows. ``python -m benchmarks.neighbours``"""

import resource

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.caption_clouds import WIDTH, caption_clouds
from benchmarks.timing import seconds
from whichway.geometry import CloudStack, nearest_neighbours, pairwise_wasserstein

K = 15


def growth(counts: list[int], times: list[float]) -> float:
    """The exponent of time ∝ N^exponent, least squares in logarithms."""
    return float(np.polyfit(np.log(counts), np.log(times), 1)[0])


@click.command(context_settings={"show_default": True})
@click.option("--largest", default=1600, help="Prompts; also an eighth, a quarter and a half of so many.")
@click.option("--all-pairs", default=800, help="Up to how many prompts every pair is solved too.")
def main(largest: int, all_pairs: int) -> None:
    """The 15 nearest of N captions, 77 rows of width 768."""
    clouds = caption_clouds(largest)
    counts = [largest // 8, largest // 4, largest // 2, largest]
    table = Table("N", "share of pairs solved", "seconds", "seconds, all pairs", "share of that time")
    table.title = f"{K} nearest neighbours, n = 77, d = {WIDTH}"
    ours, brute = [], []
    for count in counts:
        stack = CloudStack.of(clouds[:count])
        found: list = []
        ours.append(seconds(lambda stack=stack, found=found: found.append(nearest_neighbours(stack, K))))
        if count <= all_pairs:
            matrix: list = []
            brute.append(seconds(lambda count=count, out=matrix: out.append(pairwise_wasserstein(clouds[:count]))))
            require_same(found[0].distances, matrix[0])
        every = f"{brute[-1]:.1f}" if count <= all_pairs else "–"
        share = f"{ours[-1] / brute[-1]:.2f}" if count <= all_pairs else "–"
        table.add_row(str(count), f"{found[0].share_solved:.1%}", f"{ours[-1]:.1f}", every, share)
    console = Console()
    console.print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    console.print(
        f"time grows as N^{growth(counts, ours):.2f}, of all pairs as N^{growth(counts[: len(brute)], brute):.2f}; "
        f"peak memory {peak:.2f} GiB",
        highlight=False,
    )


def require_same(distances: np.ndarray, matrix: np.ndarray) -> None:
    np.fill_diagonal(matrix, np.inf)
    np.testing.assert_allclose(distances, np.sort(matrix, axis=1)[:, :K], rtol=1e-9)


if __name__ == "__main__":
    main()
