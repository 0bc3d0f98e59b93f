"""What the figures are drawn from: records that are in this folder. Nothing here, and no figure, loads a model."""

import json
from functools import cache
from pathlib import Path

import pandas as pd

from whichway.analysis.prompts.pairs import DIFFERING
from whichway.analysis.runs.saved_comparison import SavedComparison, read_comparison
from whichway.analysis.study.results import group_of, read_results, read_steps
from whichway.analysis.study.robustness import compare_studies
from whichway.analysis.study.saved_study import read_study

HERE = Path(__file__).parent
STUDY, SECOND, PARAMETRISATION, CHALLENGE, DEMO, TRIANGLE, KEYFRAMES = (
    HERE / name for name in ("study", "second", "parametrisation", "challenge", "demo", "triangle", "keyframes")
)

#: draw the first so many pairs of the study only; None: all
limit: int | None = None


def _limited(table: pd.DataFrame) -> pd.DataFrame:
    return table if limit is None else table[table["pair"] < limit]


def perceptual_distance() -> str:
    """The one that figures show: the study's first."""
    return read_study(STUDY).settings.perceptual_distances[0]


@cache
def study_results() -> pd.DataFrame:
    return _limited(read_results(STUDY))


def differing_results() -> pd.DataFrame:
    """Of the pairs whose prompts say different things."""
    return group_of(study_results(), DIFFERING)


@cache
def differing_steps() -> pd.DataFrame:
    return group_of(_limited(read_steps(STUDY)), DIFFERING)


@cache
def compare_conditions() -> pd.DataFrame:
    """The study, and the smaller ones under other conditions."""
    return compare_studies([STUDY, *sorted((HERE / "robustness").glob("*/"))])


@cache
def demo() -> SavedComparison:
    return read_comparison(DEMO)


def records(name: str) -> list[dict]:
    """Of ``whichway invariance --json``."""
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


@cache
def weight_records() -> dict:
    """Of ``python -m benchmarks.weights``: what words' weights do, and long prompts."""
    content: dict = json.loads((HERE / "weights" / "records.json").read_text(encoding="utf-8"))
    return content
