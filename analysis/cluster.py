"""A study's (pair, seed) spread over a running Dask cluster: one model for each worker process, loaded once."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.errors import UserError
from analysis.model import Model, load_model

if TYPE_CHECKING:
    from analysis.study import StudySettings, Unit

CONNECT_SECONDS = 10


def records_of_cluster(address: str, settings: "StudySettings", units: Sequence["Unit"], out: Path) -> Iterator[dict]:
    """Records in the order in which they are finished. What a worker that dies had begun goes to another one.

    Args:
        address: of the scheduler ("tcp://host:8786"). Its workers must have this package, and see ``out`` under the
            same path: they write the frames, the caller writes the records.

    Raises:
        UserError: Dask is not installed, no scheduler answers, or what a worker cannot do (its own words).
    """
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise UserError(
            "--dask needs the package distributed; install it with: pip install 'whichway[dask]'"
        ) from error
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:  # a timeout is an OSError
        raise UserError(f"no Dask scheduler answers at {address!r}; wanted an address like tcp://host:8786") from error
    with client:
        folder = str(out.resolve())
        futures = [client.submit(_record_on_worker, unit, settings, folder, pure=False) for unit in units]
        for future in as_completed(futures, loop=client.loop):
            yield future.result()


def _record_on_worker(unit: "Unit", settings: "StudySettings", folder: str) -> dict:
    from analysis.study import unit_record

    return unit_record(
        unit, settings, _model(settings.model, settings.device, settings.dtype, settings.sampler), Path(folder)
    )


@cache
def _model(name: str, device: str, dtype: str, sampler: str) -> Model:
    return load_model(name, device=device, dtype=dtype, sampler=sampler)
