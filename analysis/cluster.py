"""A running Dask cluster: connect to it, send it one large thing and many small ones, take what is finished."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from whichway.analysis.errors import UserError
from whichway.analysis.optional_packages import how_to_install
from whichway.analysis.plugins import PLUGINS, load_plugin

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 10
MOST_PROCESSES = 256
# Dask's own environment also has the allocator give memory back after every tensor (MALLOC_TRIM_THRESHOLD_), which made
# a study's pair 1.7 times as slow: a third of the time went into zeroing the same pages again and again.
ENVIRONMENT = "distributed.nanny.pre-spawn-environ"
ONE_THREAD = {"OMP_NUM_THREADS": 1, "MKL_NUM_THREADS": 1, "OPENBLAS_NUM_THREADS": 1}
Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def connect(address: str) -> Iterator["Client"]:
    """A client of the scheduler at ``address`` ("tcp://host:8786"), whose workers must have this package.

    Args:
        address: or a number: of processes of one thread each, that are started here for as long as the context lasts.
            Where the model is on a GPU, they share it.

    Raises:
        UserError: Dask is not installed, no scheduler answers, a number that makes no sense, or the cluster is lost
            while it works.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
        from distributed.utils import silence_logging_cmgr
    except ImportError as error:
        raise UserError(f"--dask needs the package distributed; install it with: {how_to_install('dask')}") from error
    if address.lstrip("-").isdigit():
        if not 1 <= int(address) <= MOST_PROCESSES:
            raise UserError(f"--dask: wanted an address, or 1 to {MOST_PROCESSES} processes, got {address}")
        with (
            _lost_in_one_line(address),
            dask.config.set({ENVIRONMENT: ONE_THREAD}),
            LocalCluster(
                n_workers=int(address),
                threads_per_worker=1,
                memory_limit=0,
                dashboard_address=None,
                silence_logs=logging.ERROR,
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client
        return
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:  # a timeout is an OSError
        raise UserError(
            f"no Dask scheduler answers at {address!r}; wanted one like tcp://host:8786, or a number of processes"
        ) from error
    with _lost_in_one_line(address), silence_logging_cmgr(logging.CRITICAL), client:  # it logs a traceback, too
        yield client


@contextmanager
def _lost_in_one_line(address: str) -> Iterator[None]:
    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    try:
        yield
    except (KilledWorker, CancelledError, CommClosedError, TimeoutError) as error:
        reason = "several workers died of one task" if isinstance(error, KilledWorker) else "its scheduler is gone"
        raise UserError(f"the Dask cluster {address!r} was lost: {reason}; what was finished is kept") from error


def finished_on_cluster(
    address: str, work: Callable[[Any, Item], Result], shared: Any, items: Sequence[Item]
) -> Iterator[Result]:
    """``work(shared, item)`` for each item, in the order in which they are finished; ``shared`` is sent once.

    What a worker that dies had begun goes to another one. Plugins that are loaded here are loaded there first.

    Raises:
        UserError: as :func:`connect`, and whatever ``work`` raises on a worker.
    """
    with connect(address) as client:
        from distributed import as_completed

        sent = client.scatter(shared, broadcast=True, hash=False)
        futures = [client.submit(_work, tuple(PLUGINS), work, sent, item, pure=False) for item in items]
        for future in as_completed(futures, loop=client.loop):
            yield future.result()
            future.release()  # its result is not kept on the cluster


def _work(plugins: Sequence[str], work: Callable[[Any, Item], Result], shared: Any, item: Item) -> Result:
    """On a worker, which may have joined after the others."""
    for name in plugins:
        load_plugin(name)
    return work(shared, item)
