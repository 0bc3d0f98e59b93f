"""Many prompt pairs, many seeds, every method on each of them: a paired experiment that can be stopped at any moment.

A study is a run (:mod:`whichway.analysis.runs.run`) whose manifest is written before the first frame, and with it
``study.json`` (:mod:`whichway.analysis.study.plan`): what is asked, and how it is tested. Each finished (pair, seed) is
a line in ``records.jsonl``. All else is made from these.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any, TypedDict

import pandas as pd

from whichway.analysis.errors import UserError
from whichway.analysis.geodesics.encoder_prior import plain_captions
from whichway.analysis.models.accuracy import read_accuracy
from whichway.analysis.models.model import Model
from whichway.analysis.models.with_model import with_model
from whichway.analysis.prompts.pairs import PromptPair
from whichway.analysis.runs.endpoint_check import endpoint_tolerance
from whichway.analysis.runs.progress import units_bar
from whichway.analysis.runs.run import open_run, short_hash
from whichway.analysis.smoothness.perceptual_distance import require_available
from whichway.analysis.study.duration import announced
from whichway.analysis.study.kernel_distances import FILE as KERNEL_DISTANCES
from whichway.analysis.study.kernel_distances import measure_kernel_distances
from whichway.analysis.study.on_cluster import records_on_cluster
from whichway.analysis.study.plan import Hypothesis, plan_study, write_plan
from whichway.analysis.study.records import append_records, read_records
from whichway.analysis.study.results import read_results
from whichway.analysis.study.saved_study import KIND
from whichway.analysis.study.settings import StudySettings
from whichway.analysis.study.unit import Unit, unit_record


def run_study(
    settings: StudySettings,
    pairs: Sequence[PromptPair],
    out: Path,
    *,
    model: Model | None = None,
    hypotheses: Sequence[Hypothesis] | None = None,
    dask: str | None = None,
    progress: bool = True,
    report: Callable[[str], object] = lambda line: None,
) -> pd.DataFrame:
    """Do what is not done yet; returns :func:`whichway.analysis.study.results.read_results`.

    Args:
        out: the run's folder. One that holds another study is refused.
        model: a loaded model, where the caller has one.
        hypotheses: what the study tests, written down before its first frame; default
            :func:`whichway.analysis.study.plan.usual_hypotheses`.
        dask: address of a running Dask scheduler, whose workers must see ``out``, or a number of processes here, over
            which (pair, seed) are spread.
        report: called with one line at a time that says what is going on: after the first (pair, seed), how long the
            others will take.

    Raises:
        UserError: no pairs; a folder whose study declared other hypotheses; what
            :func:`~whichway.analysis.runs.run.open_run` refuses; a model that cannot be loaded.
    """
    if not pairs:
        raise UserError("pairs: none given")
    for distance in settings.perceptual_distances:
        require_available(distance)  # before an hour of rendering, not after it
    settings, model = with_model(settings, model)
    description = describe_study(settings, pairs, model)
    plan = plan_study(settings, pairs, hypotheses=hypotheses, accuracy=read_accuracy(model.name))
    with open_run(out, KIND, identity=description["identity"], settings=description["settings"], model=model):
        write_plan(out, plan)
        units = [Unit(index, pair, seed) for (index, pair), seed in product(enumerate(pairs), settings.noise_seeds)]
        done = {(record["pair"], record["seed"]) for record in read_records(out, {unit.key for unit in units})}
        missing = [unit for unit in units if unit.key not in done]
        if model.frees_text_encoders:  # with the first frame; until then all prompts have to be encoded
            model.encode([prompt for unit in missing for prompt in (unit.pair.prompt_a, unit.pair.prompt_b)])
            if any(method.is_geodesic for method in settings.chosen_methods.values()):
                model.encode(plain_captions())
        with units_bar("study", "pair", total=len(units), done=len(done), hidden=not progress) as bar:
            if dask:
                records = records_on_cluster(dask, settings, missing, out, model)
            else:
                records = (unit_record(unit, settings, model, out, bar.advance) for unit in missing)
            records = announced(records, units=len(missing), workers=1 if dask is None else None, report=report)
            append_records(out, bar.finished(records))
        _say_what_is_left_out(out, report)
        if missing or not (out / KERNEL_DISTANCES).is_file():
            _compare_with_real_images(out, model)
    return read_results(out)


def _say_what_is_left_out(out: Path, report: Callable[[str], object]) -> None:
    """Pairs on which a method has no path: for its sake they are no part of any comparison."""
    left_out = [(record["pair"], name) for record in read_records(out) for name in record.get("left_out", ())]
    for name in dict.fromkeys(method for _, method in left_out):
        pairs = sorted({pair for pair, method in left_out if method == name})
        report(
            f"Warning: method {name!r} did not converge on {len(pairs)} pairs (the first: number {pairs[0]}); they are "
            "left out where it is compared"
        )


def _compare_with_real_images(out: Path, model: Model) -> None:
    """What pairs cannot say one by one; a study whose frames were thrown away is one without it."""
    try:
        measure_kernel_distances(out, model.pipeline)
    except UserError as error:
        warnings.warn(f"no kernel distances: {error}", stacklevel=3)


class StudyDescription(TypedDict):
    """What :func:`whichway.analysis.runs.run.open_run` is told of a study."""

    identity: dict[str, Any]
    settings: dict[str, Any]


def describe_study(settings: StudySettings, pairs: Sequence[PromptPair], model: Model) -> StudyDescription:
    """The identity and the settings of a study."""
    saved_pairs = [asdict(pair) for pair in pairs]
    [empty] = model.encode([""])
    tolerance = endpoint_tolerance(model, settings.sampling, rows=sum(map(len, empty.clouds.values())))
    return {
        "identity": settings.identity | {"pairs": saved_pairs} | model.identity,
        "settings": asdict(settings) | {"pairs": saved_pairs, "endpoint_tolerance": tolerance},
    }


def study_name(settings: StudySettings, pairs: Sequence[PromptPair]) -> str:
    """A folder's name, different for different studies."""
    return f"study-{short_hash(asdict(settings), [asdict(pair) for pair in pairs])}"
