"""W_2 between all of N prompts, against what one would write with POT or SciPy. ``python -m benchmarks.pairwise``

The floor is the time of the matrix products and of the assignments alone, on the same threads.
"""

from collections.abc import Callable
from functools import partial
from itertools import combinations

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
from whichway.geometry.pairwise import _SOLVERS, blocks_of

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
    for rows, columns in blocks_of(len(stack)):
        torch.matmul(stack.rows[rows].reshape(-1, stack.rows.shape[-1]), stack.rows[columns].mT)


def assignments(costs: list[np.ndarray]) -> None:
    list(_SOLVERS.map(linear_sum_assignment, costs))


def all_costs(stack: CloudStack) -> list[np.ndarray]:
    return [(-x @ y.T).numpy() for x, y in combinations(stack.rows, 2)]


@click.command(context_settings={"show_default": True})
@click.option("--count", default=72, help="Prompts.")
@click.option("--rounds", default=3, help="Interleaved repetitions.")
def main(count: int, rounds: int) -> None:
    """All pairs of COUNT captions, 77 rows of width 768."""
    clouds = caption_clouds(count)
    arrays = [cloud.rows.double().numpy() for cloud in clouds]
    stack = CloudStack.of(clouds)
    costs = all_costs(stack)
    actions: dict[str, Callable[[], object]] = {
        "pairwise_wasserstein()": partial(pairwise_wasserstein, clouds),
        "loop of ot.emd2(ot.dist(x, y))": partial(each_pair, pot_emd2, arrays),
        "loop of ot.solve_sample(x, y)": partial(each_pair, pot_solve_sample, arrays),
        "loop of SciPy's cdist, linear_sum_assignment": partial(each_pair, scipy_assignment, arrays),
        "ot.batch.solve_sample_batch, 100 iterations": partial(pot_batch, arrays, 100),
        "floor: matrix products": partial(products, stack),
        "floor: assignments": partial(assignments, costs),
    }
    show(interleaved(actions, rounds), clouds, arrays)


def show(times: dict[str, float], clouds: list[PointCloud], arrays: list[np.ndarray]) -> None:
    ours = pairwise_wasserstein(clouds)[np.triu_indices(len(clouds), 1)]
    error = np.abs(ours / each_pair(pot_emd2, arrays) - 1).max()
    inexact = np.abs(pot_batch(arrays, 100) / ours - 1).max()
    pairs = len(ours)
    table = Table("", "ms a pair", "× ours", title=f"W_2 of all pairs of {len(clouds)} prompts, n = 77, d = {WIDTH}")
    for name, value in times.items():
        table.add_row(name, f"{1000 * value / pairs:.2f}", f"{value / times['pairwise_wasserstein()']:.2f}")
    floor = times["floor: matrix products"] + times["floor: assignments"]
    console = Console()
    console.print(table)
    console.print(
        f"{times['pairwise_wasserstein()'] / floor:.2f} times the floor; largest relative difference from ot.emd2 "
        f"{error:.0e}, of POT's batch solver from exact {inexact:.0e}",
        highlight=False,
    )


if __name__ == "__main__":
    main()
