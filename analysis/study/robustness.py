"""Does a study's conclusion depend on how it was made: on perceptual distance, scheduler, steps, guidance?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from whichway.analysis.errors import UserError
from whichway.analysis.statistics.paired import compare_methods
from whichway.analysis.study.results import read_results
from whichway.analysis.study.saved_study import read_study
from whichway.analysis.study.settings import StudySettings

#: settings by which studies are told apart, where they differ → what a condition calls them
CONDITIONS = {
    "model": "model",
    "scheduler": "scheduler",
    "num_inference_steps": "steps",
    "guidance_scale": "guidance",
    "negative_prompt": "negative prompt",
    "height": "height",
    "width": "width",
    "frames": "frames",
    "pooled": "pooled vector",
}


def _conditions(settings: StudySettings) -> dict[str, Any]:
    return settings.identity | {"pooled": settings.pooled}


def compare_studies(folders: Sequence[Path], *, reference: str = "identity") -> pd.DataFrame:
    """PPL's ratio to ``reference``, with its interval: one row for each (study, perceptual distance, method).

    A condition is called by its perceptual distance and by what differs from the first study's settings.

    Raises:
        UserError: no studies, one that is not there or has nothing finished, or one without the reference.
    """
    if not folders:
        raise UserError("studies: none given; wanted folders of 'whichway study'")
    studies = {folder: read_study(folder).settings for folder in folders}
    usual = _conditions(next(iter(studies.values())))
    rows = []
    for folder, settings in studies.items():
        results = read_results(folder)
        if results.empty or reference not in set(results["method"]):
            raise UserError(f"{str(folder)!r} has no finished pair of {reference!r}")
        own, pairs = _conditions(settings), results["pair"].nunique()
        differing = [f"{title} {own[name]}" for name, title in CONDITIONS.items() if own[name] != usual[name]]
        for distance in settings.perceptual_distances:
            condition = ", ".join([distance, *differing])
            for compared in compare_methods(results, f"ppl_{distance}", reference):
                ratio = {"ratio": compared.ratio.value, "low": compared.ratio.low, "high": compared.ratio.high}
                rows.append({"condition": condition, "method": compared.method, "pairs": pairs} | ratio)
    return pd.DataFrame(rows)


def agreement(compared: pd.DataFrame) -> pd.Series:
    """Kendall's τ between the ranking of methods under each condition and under the first one, 1 to −1."""
    ratios = compared.pivot_table(index="method", columns="condition", values="ratio", sort=False).dropna()
    first = ratios.iloc[:, 0]
    return ratios.apply(lambda column: kendalltau(first, column).statistic if len(ratios) > 1 else np.nan)
