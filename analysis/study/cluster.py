"""Work spread over a running Dask cluster.

- a study's (pair, seed): one model for each worker process, loaded once
- blocks of a matrix of distances, and nearest neighbours: the clouds are sent to each worker once
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from whichway.analysis.errors import UserError
from whichway.analysis.models.model import Model, load_model

if TYPE_CHECKING:
    from distributed import Client

    from whichway.analysis.study.study import StudySettings, Unit
    from whichway.geometry import CloudStack, Neighbours

CONNECT_SECONDS = 10


@contextmanager
def connect(address: str) -> Iterator["Client"]:
    """A client of the scheduler at ``address`` ("tcp://host:8786"). Its workers must have this package.

    Raises:
        UserError: Dask is not installed, or no scheduler answers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise UserError(
            "--dask needs the package distributed; install it with: pip install 'whichway[dask]'"
        ) from error
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:  # a timeout is an OSError
        raise UserError(f"no Dask scheduler answers at {address!r}; wanted an address like tcp://host:8786") from error
    with client:
        yield client


def records_of_cluster(address: str, settings: "StudySettings", units: Sequence["Unit"], out: Path) -> Iterator[dict]:
    """Records in the order in which they are finished. What a worker that dies had begun goes to another one.

    Args:
        address: of the scheduler. Its workers must see ``out`` under the same path: they write the frames, the caller
            writes the records.

    Raises:
        UserError: as :func:`connect`, or what a worker cannot do (its own words).
    """
    with connect(address) as client:
        folder = str(out.resolve())
        futures = [client.submit(_record_on_worker, unit, settings, folder, pure=False) for unit in units]
        yield from _finished(client, futures)


def blocks_of_cluster(
    address: str, solver: Callable[[slice, slice], np.ndarray], blocks: Sequence[tuple[slice, slice]]
) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """Each block with what ``solver`` says of it, in the order in which they are finished."""
    with connect(address) as client:
        shared = client.scatter(solver, broadcast=True, hash=False)
        futures = [client.submit(_block_on_worker, shared, block, pure=False) for block in blocks]
        yield from _finished(client, futures)


def neighbours_of_cluster(address: str, stack: "CloudStack", k: int) -> "Neighbours":
    """As :func:`~whichway.geometry.nearest_neighbours`; what two workers ask for is solved and counted twice."""
    from whichway.geometry import Neighbours
    from whichway.geometry.neighbours import batches_of_queries, bound_features

    with connect(address) as client:
        shared = client.scatter((stack, bound_features(stack)), broadcast=True, hash=False)
        futures = [
            client.submit(_neighbours_on_worker, shared, queries, k, pure=False)
            for queries in batches_of_queries(len(stack))
        ]
        indices, distances, solved = zip(*client.gather(futures), strict=True)
    return Neighbours(np.concatenate(indices), np.concatenate(distances), sum(solved))


def _finished(client: "Client", futures: list) -> Iterator[Any]:
    from distributed import as_completed

    for future in as_completed(futures, loop=client.loop):
        yield future.result()
        future.release()  # its result is not kept on the cluster


def _block_on_worker(solver: Callable, block: tuple[slice, slice]) -> tuple[tuple[slice, slice], np.ndarray]:
    return block, solver(*block)


def _neighbours_on_worker(shared: tuple, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, int]:
    from whichway.geometry.neighbours import SolvedPairs, search

    stack, features = shared
    solved = SolvedPairs(stack)
    return *search(features, queries, k, solved), len(solved)


def _record_on_worker(unit: "Unit", settings: "StudySettings", folder: str) -> dict:
    from whichway.analysis.study.study import unit_record

    return unit_record(
        unit, settings, _model(settings.model, settings.device, settings.dtype, settings.sampler), Path(folder)
    )


@cache
def _model(name: str, device: str, dtype: str, sampler: str) -> Model:
    return load_model(name, device=device, dtype=dtype, sampler=sampler)
