"""Does a study's conclusion depend on how it was made? The same comparison under every metric, sampler and guidance."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from whichway.analysis.errors import UserError
from whichway.analysis.study.statistics import compare_methods
from whichway.analysis.study.study import read_results, read_study

#: settings by which studies are told apart, where they differ
CONDITIONS = ("model", "sampler", "steps", "guidance", "frames")


def compare_studies(folders: Sequence[Path], *, reference: str = "identity") -> pd.DataFrame:
    """PPL's ratio to ``reference``: one row for each (study, metric, method), with ``condition``, ``low``, ``high``.

    A condition is called by its metric and by what differs from the first study's settings.

    Raises:
        UserError: no studies, one that is not there or has nothing finished, or one without the reference.
    """
    if not folders:
        raise UserError("studies: none given; wanted folders of 'whichway study'")
    studies = {folder: read_study(folder)["settings"] for folder in folders}
    usual = next(iter(studies.values()))
    rows = []
    for folder, settings in studies.items():
        results = read_results(folder)
        if results.empty or reference not in set(results["method"]):
            raise UserError(f"{str(folder)!r} has no finished walk of {reference!r}")
        differing = [f"{name} {settings[name]}" for name in CONDITIONS if settings[name] != usual[name]]
        for metric in settings["metrics"]:
            condition = ", ".join([metric, *differing])
            for each in compare_methods(results, f"ppl_{metric}", reference):
                ratio = {"ratio": each.ratio.value, "low": each.ratio.low, "high": each.ratio.high}
                rows.append({"condition": condition, "method": each.method, "pairs": results["pair"].nunique()} | ratio)
    return pd.DataFrame(rows)


def agreement(compared: pd.DataFrame) -> pd.Series:
    """Kendall's τ between the ranking of methods under each condition and under the first one, 1 to −1."""
    ratios = compared.pivot_table(index="method", columns="condition", values="ratio", sort=False).dropna()
    first = ratios.iloc[:, 0]
    return ratios.apply(lambda column: kendalltau(first, column).statistic if len(ratios) > 1 else np.nan)
