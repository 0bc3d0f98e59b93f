"""Blocks of a matrix of distances, and nearest neighbours, spread over a Dask cluster."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from whichway.analysis.cluster import connect, finished_on_cluster
from whichway.geometry import CloudStack, Neighbours
from whichway.geometry.neighbours import LowerBounds, SolvedPairs, batches_of_queries, search

Block = tuple[slice, slice]
BlockSolver = Callable[[slice, slice], np.ndarray]


def blocks_on_cluster(address: str, solver: BlockSolver, blocks: Sequence[Block]) -> Iterator[tuple[Block, np.ndarray]]:
    """Each block with its distances, in the order in which they are finished; the clouds are sent once.

    Raises:
        UserError: as :func:`whichway.analysis.cluster.connect`.
    """
    return finished_on_cluster(address, _solve_block, solver, blocks)


def neighbours_on_cluster(address: str, stack: CloudStack, k: int) -> Neighbours:
    """As :func:`~whichway.geometry.nearest_neighbours`; what two workers need is solved and counted twice.

    Raises:
        UserError: as :func:`whichway.analysis.cluster.connect`.
    """
    with connect(address) as client:
        shared = client.scatter((stack, LowerBounds.of(stack)), broadcast=True, hash=False)
        futures = [
            client.submit(_find_neighbours, shared, queries, k, pure=False)
            for queries in batches_of_queries(len(stack))
        ]
        indices, distances, solved = zip(*client.gather(futures), strict=True)
    return Neighbours(np.concatenate(indices), np.concatenate(distances), sum(solved))


def _solve_block(solver: BlockSolver, block: Block) -> tuple[Block, np.ndarray]:
    return block, solver(*block)


def _find_neighbours(shared: tuple, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, int]:
    stack, bounds = shared
    solved = SolvedPairs(stack)
    return *search(bounds, queries, k, solved), len(solved)
