"""``whichway study``"""

import sys
from pathlib import Path
from typing import Any

import click

from whichway.analysis.command.options import dask_option, model_options, names, out_option, sampling_options
from whichway.analysis.command.outcome import FAILED_CHECK, ends_in_one_line, say


@click.command()
@ends_in_one_line("Finished pairs are kept; the same command continues.")
@click.option(
    "--pairs", "pairs_file", type=click.Path(path_type=Path), help="CSV: prompt_a, prompt_b and perhaps score."
)
@click.option("--captions", type=click.Path(path_type=Path), help="MS-COCO's captions, for Crisscrossed Captions' ids.")
@click.option("--strict", is_flag=True, help="Rows of the CSV that cannot be used are an error.")
@click.option(
    "--count", default=100, help="Pairs, evenly over their similarity; of the CSV or of the miniature's world."
)
@click.option("--pairs-seed", default=0, help="Of the choice of pairs.")
@click.option("--methods", help="Separated by commas; 'whichway methods' lists them.  [default: twelve]")
@click.option("--frames", default=9, help="Images along each path, at least 2.")
@click.option("--seeds", default=3, help="Initial noises for each pair.")
@click.option(
    "--perceptual-distances",
    "--perceptual-distance",
    default="efficientnet",
    help="Between images, separated by commas; the report shows the first.",
)
@sampling_options("num_inference_steps", "guidance_scale", "negative_prompt", "height", "width", "scheduler")
@model_options()
@dask_option("to spread the work over")
@out_option("study", "runs/study-<hash>")
def study(
    pairs_file: Path | None,
    captions: Path | None,
    strict: bool,
    count: int,
    pairs_seed: int,
    methods: str | None,
    perceptual_distances: str,
    dask: str | None,
    out: Path | None,
    **settings: Any,
) -> None:
    """Go between many pairs of prompts by many methods, and report how they compare.

    Without --pairs: pairs of the embedded model's world, of known similarity, whose scenes it never saw.

    Exit status 0: every path ends in the image of its second prompt, as it must. 1: one does not. 2: it could not run.
    """
    from whichway.analysis.command.tables import show_study
    from whichway.analysis.prompts.pairs import read_pairs, sample_by_stratum, world_pairs
    from whichway.analysis.study.report import endpoint_check, write_report
    from whichway.analysis.study.saved_study import read_study
    from whichway.analysis.study.settings import METHODS, StudySettings
    from whichway.analysis.study.study import run_study, study_name

    if count < 1:
        raise click.UsageError(f"count: wanted at least 1, got {count}")
    requested = StudySettings(
        names(methods) if methods else METHODS, perceptual_distances=names(perceptual_distances), **settings
    )
    if pairs_file is None:
        chosen = world_pairs(count, seed=pairs_seed).pairs
    else:
        pairs = read_pairs(pairs_file, captions=captions, strict=strict)
        for problem in pairs.problems:
            say(f"Warning: {problem}")
        chosen = sample_by_stratum(pairs.pairs, count, seed=pairs_seed)
    folder = out or Path("runs") / study_name(requested, chosen)
    say(f"{len(chosen)} pairs × {requested.seeds} seeds × {len(requested.methods)} methods in {folder}")
    model = requested.model.load(say)
    results = run_study(requested, chosen, folder, model=model, dask=dask)
    check = endpoint_check(read_study(folder), results)
    show_study(results, requested.perceptual_distances[0], write_report(folder, model), check)
    sys.exit(0 if check.passed else FAILED_CHECK)
