"""Blocks of a matrix of distances, and nearest neighbours, spread over a Dask cluster."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from whichway.analysis.cluster import finished_on_cluster
from whichway.analysis.errors import UserError
from whichway.geometry import CloudStack
from whichway.geometry.lower_bounds import LowerBounds
from whichway.geometry.neighbours import SolvedPairs, search

Block = tuple[slice, slice]
BlockSolver = Callable[[slice, slice], np.ndarray]
Batch = tuple[np.ndarray, np.ndarray, np.ndarray, int]
"""Clouds, their neighbours, the distances to them, and how many pairs were solved for that."""


def blocks_on_cluster(address: str, solver: BlockSolver, blocks: Sequence[Block]) -> Iterator[tuple[Block, np.ndarray]]:
    """Each block with its distances, in the order in which they are finished; the clouds are sent once.

    Raises:
        UserError: as :func:`whichway.analysis.cluster.connect`.
    """
    return finished_on_cluster(address, _solve_block, solver, blocks)


def neighbours_on_cluster(
    address: str, stack: CloudStack, bounds: LowerBounds, k: int, batches: Sequence[np.ndarray]
) -> Iterator[Batch]:
    """The ``k`` nearest of each batch of clouds, in the order in which they are finished.

    Rows and features that are on disk are read by the workers from there, which therefore have to see the same disk. A
    pair that two batches need is solved, and counted, twice.

    Raises:
        UserError: as :func:`whichway.analysis.cluster.connect`.
    """
    return finished_on_cluster(address, partial(_find_neighbours, k), (stack, bounds), batches)


def _solve_block(solver: BlockSolver, block: Block) -> tuple[Block, np.ndarray]:
    return block, solver(*block)


def _find_neighbours(k: int, shared: tuple[CloudStack, LowerBounds], queries: np.ndarray) -> Batch:
    stack, bounds = shared
    solved = SolvedPairs(stack)
    try:
        return queries, *search(bounds, queries, k, solved), len(solved)
    except OSError as error:
        raise UserError(f"a worker cannot read {error.filename!r}; wanted workers that see the same disk") from error
