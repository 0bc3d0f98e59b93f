"""W_2 between all of N prompts, against what one would write with POT or SciPy. ``python -m benchmarks.pairwise``

Everything runs on as many threads as torch has: OMP_NUM_THREADS=1 compares one with one.
"""

import json
import time
from collections.abc import Callable
from functools import partial
from itertools import combinations
from pathlib import Path

import click
import numpy as np
import ot
import torch
from rich.console import Console
from rich.table import Table
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from benchmarks.caption_clouds import WIDTH, caption_clouds
from benchmarks.timing import interleaved
from whichway.geometry import CloudStack, PointCloud, pairwise_wasserstein
from whichway.geometry.pairwise import BLOCK, inner_products

BATCH = 64  # pairs that POT's batch solver gets at once


def each_pair(distance: Callable[[np.ndarray, np.ndarray], float], arrays: list[np.ndarray]) -> list[float]:
    return [distance(x, y) for x, y in combinations(arrays, 2)]


def pot_emd2(x: np.ndarray, y: np.ndarray) -> float:
    return float(ot.emd2([], [], ot.dist(x, y))) ** 0.5


def pot_solve_sample(x: np.ndarray, y: np.ndarray) -> float:
    return float(ot.solve_sample(x, y).value) ** 0.5


def scipy_assignment(x: np.ndarray, y: np.ndarray) -> float:
    costs = cdist(x, y, "sqeuclidean")
    return float(costs[linear_sum_assignment(costs)].mean()) ** 0.5


def pot_batch(arrays: list[np.ndarray], iterations: int) -> np.ndarray:
    """POT's batch solver is a proximal iteration: exact in the limit only."""
    first, second = (torch.from_numpy(np.stack(side)) for side in zip(*combinations(arrays, 2), strict=True))
    costs = [
        ot.batch.solve_sample_batch(
            first[start : start + BATCH], second[start : start + BATCH], max_iter=iterations, grad="detach"
        ).value_linear
        for start in range(0, len(first), BATCH)
    ]
    return torch.cat(costs).clamp(min=0).sqrt().numpy()


def products(stack: CloudStack) -> None:
    """What every method needs at least: the inner products of all pairs, in float32."""
    rows = stack.rows.float()
    for top in range(0, len(rows), BLOCK):
        for left in range(0, top + 1, BLOCK):
            inner_products(rows[top : top + BLOCK].flatten(0, 1), rows[left : left + BLOCK].flatten(0, 1))


def assignments(costs: list[np.ndarray]) -> None:
    for of_pair in costs:
        linear_sum_assignment(of_pair)


def all_costs(stack: CloudStack) -> list[np.ndarray]:
    rows = stack.rows.double()
    rows -= rows.mean(dim=(0, 1))
    return [(-x @ y.T).numpy() for x, y in combinations(rows, 2)]


@click.command(context_settings={"show_default": True})
@click.option("--count", default=72, help="Prompts.")
@click.option("--rounds", default=3, help="Interleaved repetitions.")
@click.option(
    "--cpu-time", is_flag=True, help="Of the processor, not of the clock: on a busy machine, with one thread."
)
@click.option("--json", "record", type=click.Path(path_type=Path), help="Write what was measured there.")
def main(count: int, rounds: int, cpu_time: bool, record: Path | None) -> None:
    """All pairs of COUNT captions, 77 rows of width 768."""
    clouds = caption_clouds(count)
    arrays = [cloud.rows.double().numpy() for cloud in clouds]
    stack = CloudStack.of(clouds)
    costs = all_costs(stack)
    pairwise_wasserstein(clouds[:2])  # compiles
    actions: dict[str, Callable[[], object]] = {
        "pairwise_wasserstein()": partial(pairwise_wasserstein, clouds),
        "loop of ot.emd2(ot.dist(x, y))": partial(each_pair, pot_emd2, arrays),
        "loop of ot.solve_sample(x, y)": partial(each_pair, pot_solve_sample, arrays),
        "loop of SciPy's cdist, linear_sum_assignment": partial(each_pair, scipy_assignment, arrays),
        "the matrix products alone, float32": partial(products, stack),
        "SciPy's linear_sum_assignment alone": partial(assignments, costs),
    }
    clock = time.process_time if cpu_time else time.perf_counter
    times = interleaved(actions, rounds, clock)
    show(times, clouds, arrays)
    if record:
        about = {"count": count, "width": WIDTH, "threads": torch.get_num_threads(), "clock": clock.__name__}
        record.write_text(json.dumps(about | {"seconds": times}, indent=2) + "\n", encoding="utf-8")


def batch_error(arrays: list[np.ndarray], ours: np.ndarray) -> float:
    """How far POT's batch solver is from exact on the first pairs; it takes too long for all."""
    few = arrays[:8]
    first, second = np.triu_indices(len(few), 1)
    return float(np.abs(pot_batch(few, 100) / ours[first, second] - 1).max())


def show(times: dict[str, float], clouds: list[PointCloud], arrays: list[np.ndarray]) -> None:
    matrix = pairwise_wasserstein(clouds)
    ours = matrix[np.triu_indices(len(clouds), 1)]
    error = np.abs(ours / each_pair(pot_emd2, arrays) - 1).max()
    inexact = batch_error(arrays, matrix)
    pairs = len(ours)
    table = Table("", "ms a pair", "× ours", title=f"W_2 of all pairs of {len(clouds)} prompts, n = 77, d = {WIDTH}")
    for name, value in times.items():
        table.add_row(name, f"{1000 * value / pairs:.2f}", f"{value / times['pairwise_wasserstein()']:.2f}")
    console = Console()
    console.print(table)
    rival = times["loop of ot.emd2(ot.dist(x, y))"] / times["pairwise_wasserstein()"]
    console.print(
        f"{rival:.1f} times as fast as the loop of ot.emd2, on {torch.get_num_threads()} threads; largest relative "
        f"difference from it {error:.0e}, of POT's batch solver from exact {inexact:.0e}",
        highlight=False,
    )


if __name__ == "__main__":
    main()
