"""Records of a study → tables."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from whichway.analysis.paths.chosen_method import choose_method
from whichway.analysis.study.records import read_records
from whichway.analysis.study.saved_study import read_study
from whichway.analysis.vocabulary import MEASURES
from whichway.geometry import PATHS, find_method
from whichway.geometry.path import W2


def read_results(out: Path) -> pd.DataFrame:
    """One row for each (pair, seed, method): prompts, score, distances of the prompts, and measures.

    ``attrs["perceptual_distances"]`` names those that were measured with, the one that reports show first.
    Columns of measures are called ``ppl_lpips``, by measure and perceptual distance, or ``scene_confidence``, by the
    measure alone where it needs no distance; those of the method's own geometry ``length``, ``share_moved``, and
    ``path_wasserstein`` and so on: the sum over its steps, where the path has a length in that distance.

    Raises:
        UserError: no study in the folder, or a damaged one.
    """
    study = read_study(out)
    pairs, rows = study.pairs, []
    for record in read_records(out):
        pair = pairs[record["pair"]]
        for name, measured in record["methods"].items():
            row = {"pair": record["pair"], "seed": record["seed"], "method": name}
            row |= asdict(pair) | {"stratum": pair.stratum} | record["distances"]
            row |= {key: measured[key] for key in ("share_moved", "endpoint_error")}
            row["length"] = measured["length"] if _has_w2_length(name) else None
            row |= {f"path_{key}": sum(steps) if steps else None for key, steps in _lengths(name, measured).items()}
            for distance, perceived in measured["perceived"].items():
                row |= {MEASURES[key].column(key, distance): perceived[key] for key in MEASURES if key in perceived}
            rows.append(row | measured.get("measures", {}))
    table = pd.DataFrame(rows)
    table.attrs["perceptual_distances"] = study.settings.perceptual_distances
    return table


def measured_columns(results: pd.DataFrame, distance: str) -> dict[str, str]:
    """Measure → its column, of those that every method has values of, under this perceptual distance."""
    columns = {name: measure.column(name, distance) for name, measure in MEASURES.items() if measure.of != "pool"}
    return {
        name: column
        for name, column in columns.items()
        if column in results and results[column].notna().groupby(results["method"]).any().all()
    }


def _has_w2_length(method: str) -> bool:
    return PATHS[find_method(choose_method(method).method).path].length_in == W2


def _lengths(method: str, measured: Mapping[str, Any]) -> dict[str, list[float] | None]:
    """The steps in each geometry; none in W_2 where the path has no length in it, whatever older records hold."""
    unbounded = () if _has_w2_length(method) else ("wasserstein", "pull_back")
    return {key: None if key in unbounded else steps for key, steps in measured["lengths"].items()}


def read_steps(out: Path) -> pd.DataFrame:
    """One row for each step: (pair, seed, method, step), its geometric lengths and its perceptual distances."""
    rows = []
    for record in read_records(out):
        for name, measured in record["methods"].items():
            count = len(measured["t"]) - 1
            columns = {key: steps for key, steps in _lengths(name, measured).items() if steps and len(steps) == count}
            columns |= {distance: perceived["steps"] for distance, perceived in measured["perceived"].items()}
            where = {"pair": record["pair"], "seed": record["seed"], "method": name}
            rows += [
                where | {"step": index} | {key: values[index] for key, values in columns.items()}
                for index in range(count)
            ]
    return pd.DataFrame(rows)
