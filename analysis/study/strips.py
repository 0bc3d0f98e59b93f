"""Film strips of the pairs of a study on which optimal transport does best, median and worst."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from whichway.analysis.errors import UserError
from whichway.analysis.models.model import Model
from whichway.analysis.pictures.filmstrips import draw_filmstrips
from whichway.analysis.prompts.pairs import DIFFERING
from whichway.analysis.runs.frame_renderer import read_strip
from whichway.analysis.statistics.paired import by_pair
from whichway.analysis.study.records import read_records
from whichway.analysis.study.results import group_of, read_results
from whichway.analysis.study.saved_study import SavedStudy, read_study
from whichway.analysis.study.unit import Unit, render_unit, unit_frames

STRIP_METHODS = ("identity", "optimal")


def strip_pairs(results: pd.DataFrame, distance: str) -> dict[str, int]:
    """The pairs on which the optimal method does best, median and worst against identity: nobody's choice.

    Of the pairs that differ in what they say; of all, where none does.
    """
    if not set(STRIP_METHODS) <= set(results["method"]):
        return {}
    differing = group_of(results, DIFFERING)
    ppl = by_pair(results if differing.empty else differing, f"ppl_{distance}")
    order = [int(pair) for pair in (ppl["optimal"] / ppl["identity"]).sort_values().index]
    return {"best": order[0], "median": order[len(order) // 2], "worst": order[-1]}


def draw_strips(
    out: Path, study: SavedStudy, pairs: Mapping[str, int], model: Model | None = None
) -> dict[str, Figure]:
    """Film strips of these pairs, from the first seed's noise.

    Args:
        model: the study's. With it, frames that were not kept are rendered again; without it, strips whose frames are
            missing are left out.
    """
    figures = {}
    for name, index in pairs.items():
        pair = study.pairs[index]
        frames, times = _strip(out, study, Unit(index, pair, study.settings.first_seed), model)
        if frames:
            figures[f"strip-{name}"] = draw_filmstrips(frames, times, pair.prompt_a, pair.prompt_b)
    return figures


def draw_study_strip(out: Path, which: str) -> Figure:
    """The film strips of the "best", "median" or "worst" pair of the study in ``out``, from frames that were kept.

    Raises:
        UserError: no study there, or without these frames.
    """
    study = read_study(out)
    pair = strip_pairs(read_results(out), study.settings.perceptual_distances[0])[which]
    drawn = draw_strips(out, study, {which: pair})
    if not drawn:
        raise UserError(f"the study in {str(out)!r} has no frames of pair {pair}, the {which} one")
    return drawn[f"strip-{which}"]


def strip_times(out: Path, unit: Unit) -> dict[str, list[float]]:
    """Method → times of the frames of a film strip."""
    for record in read_records(out):
        if (record["pair"], record["seed"]) == unit.key:
            return {name: measured["t"] for name, measured in record["methods"].items() if name in STRIP_METHODS}
    return {}


def _strip(out: Path, study: SavedStudy, unit: Unit, model: Model | None) -> tuple[dict[str, Any], dict[str, Any]]:
    if model is not None:
        rendered = render_unit(unit, replace(study.settings, methods=STRIP_METHODS), model, out)
        return dict(rendered.frames), dict(rendered.times)
    times = strip_times(out, unit)
    try:
        return {name: read_strip(*unit_frames(out, unit), name, of_method) for name, of_method in times.items()}, times
    except (OSError, ValueError, KeyError):  # a study whose images were not kept
        return {}, {}
