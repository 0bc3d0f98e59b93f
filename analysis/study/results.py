"""Records of a study → tables."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from whichway.analysis.clouds.parts import is_measure
from whichway.analysis.errors import UserError
from whichway.analysis.paths.chosen_method import choose_method
from whichway.analysis.prompts.pairs import DIFFERING, GROUPS, STRATA
from whichway.analysis.study.records import read_records
from whichway.analysis.study.saved_study import read_study
from whichway.analysis.vocabulary import MEASURES
from whichway.geometry import PATHS, find_method
from whichway.geometry.path import W2


def read_results(out: Path) -> pd.DataFrame:
    """One row for each (pair, seed, method): prompts, score, distances of the prompts, and measures.

    ``stratum``: of the pair (:data:`whichway.analysis.prompts.pairs.STRATA`), None without a score.
    ``attrs["perceptual_distances"]`` names those that were measured with, the one that reports show first.
    Columns of measures are called ``ppl_lpips``, by measure and perceptual distance, or ``scene_confidence``, by the
    measure alone where it needs no distance; those of the method's own geometry ``length``, ``share_moved``, and
    ``path_wasserstein`` and so on: the sum over its steps, where the path has a length in that distance. Of a
    conditioning with several encoders each of these, and of the prompts' distances, stands once for each, its name
    after it: ``wasserstein_clip``, ``length_t5``.

    Raises:
        UserError: no study in the folder, or a damaged one.
    """
    study = read_study(out)
    pairs = study.pairs
    described = [asdict(pair) | {"stratum": pair.stratum} for pair in pairs]
    rows: list[dict[str, Any]] = []
    planned = {*product(range(len(pairs)), study.settings.noise_seeds)}
    for record in read_records(out, planned):
        try:
            rows += _rows_of(record, described)
        except (LookupError, TypeError, AttributeError) as error:
            lacking = f" (it has no {error.args[0]!r})" if isinstance(error, KeyError) else ""
            raise UserError(
                f"the record of pair {record['pair']}, seed {record['seed']} of the study in {str(out)!r} is "
                f"damaged{lacking}; remove that line of records.jsonl, and it is done again"
            ) from error
    table = pd.DataFrame(rows)
    table.attrs["perceptual_distances"] = study.settings.perceptual_distances
    return table


def _rows_of(record: Mapping[str, Any], described: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """One for each method."""
    for name, measured in record["methods"].items():
        row = {"pair": record["pair"], "seed": record["seed"], "method": name}
        row |= described[record["pair"]] | record["distances"]
        row |= {key: value for key, value in measured.items() if is_measure(key, "share_moved")}
        row["endpoint_error"] = measured["endpoint_error"]
        lengths = {key: value for key, value in measured.items() if is_measure(key, "length")}
        row |= {key: value if _has_w2_length(name) else None for key, value in lengths.items()}
        row |= {f"path_{key}": sum(steps) if steps else None for key, steps in _lengths(name, measured).items()}
        for distance, perceived in measured["perceived"].items():
            row |= {MEASURES[key].column(key, distance): perceived[key] for key in MEASURES if key in perceived}
        yield row | measured.get("measures", {})


def how_far(out: Path) -> tuple[int, int]:
    """Of a study, how many (pair, seed) are finished, and how many there are.

    Raises:
        UserError: no study in the folder, or a damaged one.
    """
    study = read_study(out)
    return len(read_records(out)), len(study.pairs) * study.settings.seeds


def group_of(table: pd.DataFrame, group: str) -> pd.DataFrame:
    """The rows of pairs of one of :data:`~whichway.analysis.prompts.pairs.GROUPS`; without a score: taken to differ."""
    if group == DIFFERING:
        return table[~table["stratum"].isin(GROUPS)]
    return table[table["stratum"] == group]


def by_stratum(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Stratum → its rows, in the strata's order; those without a score are in none."""
    return {name: rows for name in STRATA if len(rows := table[table["stratum"] == name])}


def read_steps(out: Path) -> pd.DataFrame:
    """One row for each step: (pair, seed, method, step), its geometric lengths and its perceptual distances."""
    strata = [pair.stratum for pair in read_study(out).pairs]
    rows = []
    for record in read_records(out):
        where = {"pair": record["pair"], "seed": record["seed"], "stratum": strata[record["pair"]]}
        for name, measured in record["methods"].items():
            count = len(measured["t"]) - 1
            columns = {key: steps for key, steps in _lengths(name, measured).items() if steps and len(steps) == count}
            columns |= {distance: perceived["steps"] for distance, perceived in measured["perceived"].items()}
            rows += [
                where | {"method": name, "step": index} | {key: values[index] for key, values in columns.items()}
                for index in range(count)
            ]
    return pd.DataFrame(rows)


def read_seconds(out: Path) -> dict[str, float]:
    """Seconds that the finished (pair, seed) took in all, and in the model; empty where records hold none."""
    seconds = pd.DataFrame([record["seconds"] for record in read_records(out) if "seconds" in record])
    return {str(name): float(total) for name, total in seconds.sum().items()}


def _has_w2_length(method: str) -> bool:
    return PATHS[find_method(choose_method(method).method).path].length_in == W2


def _lengths(method: str, measured: Mapping[str, Any]) -> dict[str, list[float] | None]:
    """The steps in each geometry; none in W_2 where the path has no length in it, whatever older records hold."""
    unbounded = () if _has_w2_length(method) else ("wasserstein", "pull_back")
    return {
        key: None if any(is_measure(key, geometry) for geometry in unbounded) else steps
        for key, steps in measured["lengths"].items()
    }


def encoders_of(results: pd.DataFrame) -> tuple[str, ...]:
    """The encoders whose measures have columns of their own; one without a name where there is only one."""
    of_centroids = [column for column in results if is_measure(column, "centroid")]
    return tuple(column.removeprefix("centroid").removeprefix("_") for column in of_centroids)


def with_encoder(name: str, encoder: str) -> str:
    """A column, or a figure, of one of :func:`encoders_of`."""
    return f"{name}_{encoder}" if encoder else name


def read_changes(out: Path) -> pd.DataFrame:
    """Which part of the text carried the change: one row for each (pair, seed, what moved), as ``method``.

    Columns ``halfway_ssim``, ``end_ssim`` hold how far its image looks from A's
    (:mod:`whichway.analysis.runs.change_by_part`). Empty where a text is one cloud alone.
    """
    rows = []
    for record in read_records(out):
        changes = record.get("change_by_part", {})
        moved = next(iter(changes.values()))["end"] if changes else ()
        rows += [
            {"pair": record["pair"], "seed": record["seed"], "method": what}
            | {
                f"{where}_{name}": change[where][what]
                for name, change in changes.items()
                for where in ("halfway", "end")
            }
            for what in moved
        ]
    return pd.DataFrame(rows)
