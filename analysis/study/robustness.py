"""Does a study's conclusion depend on how it was made: on perceptual distance, model, sampler, steps, guidance?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from whichway.analysis.errors import UserError
from whichway.analysis.prompts.pairs import DIFFERING
from whichway.analysis.statistics.paired import compare_methods
from whichway.analysis.study.results import group_of, read_results
from whichway.analysis.study.saved_study import SavedStudy, read_study

#: settings by which studies are told apart, where they differ → what a condition calls them
CONDITIONS = {
    "model": "model",
    "scheduler": "sampler",
    "num_inference_steps": "steps",
    "guidance_scale": "guidance",
    "negative_prompt": "negative prompt",
    "height": "height",
    "width": "width",
    "frames": "frames",
    "pooled": "pooled vector",
}


def compare_studies(folders: Sequence[Path], *, reference: str = "identity") -> pd.DataFrame:
    """PPL's ratio to ``reference``, with its interval: one row for each (study, perceptual distance, method).

    Over the pairs whose prompts differ, and of these over the ones that all studies have, under the noises that all of
    them have (all noises of each, where they share none): the conditions differ in nothing else. A condition is called
    by its perceptual distance and by what differs from the first study's settings; two models of one name are told
    apart by their hashes, and studies under equal conditions by their folders.

    Raises:
        UserError: no studies, one that is given twice, one that is not there or has nothing finished, one without the
            reference, or studies that have no finished pair in common.
    """
    if not folders:
        raise UserError("studies: none given; wanted folders of 'whichway study'")
    counts = Counter(folder.resolve() for folder in folders)
    if repeated := [folder for folder in folders if counts[folder.resolve()] > 1]:
        raise UserError(f"studies: {str(repeated[-1])!r} is given twice; wanted different studies")
    studies = {folder: read_study(folder) for folder in folders}
    results = {folder: _finished(folder, reference) for folder in folders}
    results = _under_shared_noises(results)
    shared = set.intersection(*({*_prompts(table)} for table in results.values()))
    if not shared:
        raise UserError("studies: they have no finished pair in common whose prompts differ")
    rows: list[dict[str, Any]] = []
    conditions = _conditions(studies)
    for folder, study in studies.items():
        table = results[folder][_prompts(results[folder]).isin(shared)]
        differing = conditions[folder]
        for distance in study.settings.perceptual_distances:
            for compared in compare_methods(table, f"ppl_{distance}", reference):
                ratio = {"ratio": compared.ratio.value, "low": compared.ratio.low, "high": compared.ratio.high}
                where: dict[str, Any] = {"condition": ", ".join([distance, *differing]), "method": compared.method}
                rows.append(where | {"pairs": compared.pairs} | ratio)
    return pd.DataFrame(rows)


def describe_condition(study: SavedStudy) -> str:
    """The settings of a study that conditions are told apart by, those that are set, in words."""
    own = study.settings.identity | {"pooled": study.settings.pooled, "scheduler": study.scheduler}
    if study.settings.sampling.scheduler != "own":
        own["scheduler"] = study.settings.sampling.scheduler
    return ", ".join(
        f"{title} {own[name]}" for name, title in CONDITIONS.items() if own[name] not in (None, "", "auto")
    )


def _conditions(studies: Mapping[Path, SavedStudy]) -> dict[Path, list[str]]:
    """What tells each study from the first one; those under equal conditions also have their folders' names."""
    usual = next(iter(studies.values()))
    conditions = {folder: _differences(study, usual) for folder, study in studies.items()}
    counts = Counter(tuple(condition) for condition in conditions.values())
    return {
        folder: [*condition, str(folder)] if counts[tuple(condition)] > 1 else condition
        for folder, condition in conditions.items()
    }


def _finished(folder: Path, reference: str) -> pd.DataFrame:
    results = read_results(folder)
    if results.empty or reference not in set(results["method"]):
        raise UserError(f"{str(folder)!r} has no finished pair of {reference!r}")
    return group_of(results, DIFFERING)


def _under_shared_noises(results: dict[Path, pd.DataFrame]) -> dict[Path, pd.DataFrame]:
    seeds = set.intersection(*({*table["seed"]} for table in results.values()))
    return {folder: table[table["seed"].isin(seeds)] for folder, table in results.items()} if seeds else results


def _prompts(results: pd.DataFrame) -> pd.Series:
    """Of each row, the two prompts as one value."""
    return results["prompt_a"] + "\n" + results["prompt_b"]


def _differences(study: SavedStudy, usual: SavedStudy) -> list[str]:
    own, first = (each.settings.identity | {"pooled": each.settings.pooled} for each in (study, usual))
    differing = [f"{title} {own[name]}" for name, title in CONDITIONS.items() if own[name] != first[name]]
    if own["model"] == first["model"] and study.model_sha256 != usual.model_sha256:
        differing.insert(0, f"model {study.model_sha256[:8]}")
    return differing


def agreement(compared: pd.DataFrame) -> pd.DataFrame:
    """Does a condition rank the methods as the first one does? One row for each condition.

    Columns ``tau``: Kendall's τ, 1 to −1, of the methods that the condition and the first one have; ``methods``: how
    many these are, without which τ says little.
    """
    ratios = compared.pivot_table(index="method", columns="condition", values="ratio", sort=False)
    first = ratios.iloc[:, 0]
    rows = {}
    for condition, column in ratios.items():
        both = column.notna() & first.notna()
        tau = kendalltau(first[both], column[both]).statistic if both.sum() > 1 else np.nan
        rows[condition] = {"tau": tau, "methods": int(both.sum())}
    return pd.DataFrame.from_dict(rows, orient="index")
