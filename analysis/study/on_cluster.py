"""Units of a study spread over a Dask cluster: one model for each worker process, loaded once, and the study's own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from whichway.analysis.cluster import finished_on_cluster
from whichway.analysis.errors import UserError
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.model import Model
from whichway.analysis.study.settings import StudySettings
from whichway.analysis.study.unit import Unit, unit_record


@dataclass(frozen=True)
class _Work:
    settings: StudySettings
    folder: str
    identity: Mapping[str, Any]


def records_on_cluster(
    address: str, settings: StudySettings, units: Sequence[Unit], out: Path, model: Model
) -> Iterator[dict[str, Any]]:
    """Records in the order in which they are finished. What a worker that dies had begun goes to another one.

    Args:
        address: of the scheduler. Its workers must see ``out`` under the same path: they write the frames, the caller
            writes the records.
        model: the study's; a worker whose own is another, or of another device or dtype, refuses.

    Raises:
        UserError: as :func:`whichway.analysis.cluster.connect`; what a worker cannot do, or refuses.
    """
    return finished_on_cluster(address, _record, _Work(settings, str(out.resolve()), model.identity), units)


def _record(work: _Work, unit: Unit) -> dict[str, Any]:
    model = _model(work.settings.model)
    require_same_model(work.identity, model.identity)
    return unit_record(unit, work.settings, model, Path(work.folder))


def require_same_model(study: Mapping[str, Any], worker: Mapping[str, Any]) -> None:
    """Images of one study come from one model.

    Raises:
        UserError: another model, device or dtype, with both.
    """
    differences = [f"{name} {worker[name]!r}, not {study[name]!r}" for name in study if study[name] != worker[name]]
    if differences:
        raise UserError(f"a Dask worker has another model than the study: {'; '.join(differences)}")


@cache
def _model(choice: ModelChoice) -> Model:
    return choice.load()
