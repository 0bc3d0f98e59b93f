"""``whichway study``"""

import gc
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whichway.analysis.command.options import (
    dask_option,
    geodesic_options,
    model_options,
    names,
    out_option,
    pooled_option,
    sampling_options,
)
from whichway.analysis.command.outcome import FAILED_CHECK, ends_in_one_line, say
from whichway.analysis.vocabulary import PERCEPTUAL_DISTANCE

if TYPE_CHECKING:
    from whichway.analysis.prompts.pairs import PromptPair


@click.command()
@ends_in_one_line("Finished pairs are kept; the same command continues.")
@click.option(
    "--pairs", "pairs_file", type=click.Path(path_type=Path), help="CSV: prompt_a, prompt_b and perhaps score."
)
@click.option("--captions", type=click.Path(path_type=Path), help="MS-COCO's captions, for Crisscrossed Captions' ids.")
@click.option("--strict", is_flag=True, help="Rows of the CSV that cannot be used are an error.")
@click.option(
    "--per-stratum", default=40, help="Pairs in each stratum of similarity; of the CSV or of the miniature's world."
)
@click.option("--differing", is_flag=True, help="Only pairs that say different things: no strata beside the headline.")
@click.option("--pairs-seed", default=0, help="Of the choice of pairs.")
@click.option("--tuning", is_flag=True, help="Of the miniature's world, the scenes for tuning: never to be reported.")
@click.option(
    "--methods",
    help="Separated by commas; 'whichway methods' lists them.  [default: of twelve, those that the model can go by]",
)
@click.option("--frames", default=7, help="Images along each path, at least 2.")
@click.option("--seeds", default=2, help="Initial noises for each pair.")
@click.option("--first-seed", default=0, help="Of the initial noises.")
@click.option(
    "--perceptual-distances",
    "--perceptual-distance",
    default=PERCEPTUAL_DISTANCE,
    help="Between images, separated by commas; the report shows the first.",
)
@pooled_option
@click.option("--dry-run", is_flag=True, help="Say how many hours it would take, from a few frames, and stop.")
@sampling_options(
    "num_inference_steps", "guidance_scale", "negative_prompt", "true_cfg_scale", "height", "width", "scheduler"
)
@geodesic_options
@model_options()
@dask_option("to spread the work over")
@out_option("study", "runs/study-<hash>")
def study(
    pairs_file: Path | None,
    captions: Path | None,
    strict: bool,
    per_stratum: int,
    differing: bool,
    pairs_seed: int,
    tuning: bool,
    methods: str | None,
    perceptual_distances: str,
    dry_run: bool,
    dask: str | None,
    out: Path | None,
    **settings: Any,
) -> None:
    """Go between many pairs of prompts by many methods, and report how they compare.

    Without --pairs: pairs of the embedded model's world, whose scenes it never saw: of known similarity, and two more
    strata in which nothing but the order of the words or the length differs.

    What is tested is written down in study.json before the first image. Exit status 0: every path ends in the image of
    its second prompt, as it must. 1: one does not. 2: it could not run.
    """
    from whichway.analysis.command.tables import show_study
    from whichway.analysis.study.default_methods import joinable_methods
    from whichway.analysis.study.duration import estimate_duration
    from whichway.analysis.study.report import endpoint_check, write_report
    from whichway.analysis.study.saved_study import read_study
    from whichway.analysis.study.settings import METHODS, StudySettings
    from whichway.analysis.study.study import run_study, study_name

    requested = StudySettings(
        METHODS if methods is None else names("methods", methods),
        perceptual_distances=names("perceptual-distances", perceptual_distances),
        **settings,
    )
    drawn: dict[str, Any] = {"per_stratum": per_stratum, "differing": differing, "seed": pairs_seed, "tuning": tuning}
    pairs = _choose_pairs(pairs_file, captions, strict=strict, **drawn)
    model = requested.model.load(say)
    if methods is None:
        requested = replace(requested, methods=joinable_methods(requested, model, say))
    folder = out or Path("runs") / study_name(requested, pairs)
    say(f"{len(pairs)} pairs × {requested.seeds} seeds × {len(requested.methods)} methods in {folder}")
    if dry_run:
        click.echo(estimate_duration(requested, pairs, model))
        return
    results = run_study(requested, pairs, folder, model=model, dask=dask, report=say)
    check = endpoint_check(read_study(folder), results)
    gc.freeze()  # what is loaded stays: looking through all of it for the report's own took a tenth of its time
    show_study(results, requested.perceptual_distances[0], write_report(folder, model), check)
    sys.exit(0 if check.passed else FAILED_CHECK)


def _choose_pairs(
    file: Path | None,
    captions: Path | None,
    *,
    strict: bool,
    per_stratum: int,
    differing: bool,
    seed: int,
    tuning: bool,
) -> "tuple[PromptPair, ...]":
    from whichway.analysis.errors import MOST_PAIRS, require_between
    from whichway.analysis.prompts.pairs import DIFFERING, SIMILARITY, read_pairs, sample_by_stratum
    from whichway.analysis.prompts.world_pairs import STRATA, world_pairs

    require_between("per-stratum", per_stratum, 1, MOST_PAIRS)
    if file is None:
        if captions or strict:
            raise click.UsageError(f"{'captions' if captions else 'strict'}: of a file of pairs; give it with --pairs")
        strata = SIMILARITY if differing else STRATA
        return world_pairs(len(strata) * per_stratum, seed=seed, tuning=tuning, strata=strata).pairs
    if tuning:
        raise click.UsageError("tuning: of the miniature's world alone; give a file of pairs for tuning instead")
    read = read_pairs(file, captions=captions, strict=strict)
    for problem in read.problems:
        say(f"Warning: {problem}")
    kept = [pair for pair in read.pairs if pair.group == DIFFERING or not differing]
    return sample_by_stratum(kept, per_stratum, seed=seed)
