"""``whichway challenge``"""

from pathlib import Path
from typing import Any

import click

from whichway.analysis.command.options import dask_option, model_options, names, out_option, sampling_options
from whichway.analysis.command.outcome import ends_in_one_line, say
from whichway.analysis.vocabulary import PERCEPTUAL_DISTANCE


@click.command()
@ends_in_one_line("Finished pairs are kept; the same command continues.")
@click.option("--candidates", help="Methods, separated by commas.  [default: sixteen]")
@click.option(
    "--tuning-pairs", type=click.Path(path_type=Path), help="CSV of pairs to pick by.  [default: the world's]"
)
@click.option("--pairs", "pairs_file", type=click.Path(path_type=Path), help="CSV of held-out pairs.")
@click.option("--per-stratum-tuning", default=20, help="Pairs in each stratum of similarity, to pick by.")
@click.option("--per-stratum", default=40, help="Held-out pairs in each stratum of similarity.")
@click.option("--frames", default=7, help="Images along each path, at least 2.")
@click.option("--seeds", default=2, help="Initial noises for each held-out pair.")
@click.option(
    "--perceptual-distances",
    "--perceptual-distance",
    default=PERCEPTUAL_DISTANCE,
    help="Between images, separated by commas; the first decides.",
)
@click.option("--dry-run", is_flag=True, help="Say how many hours it would take, from a few frames, and stop.")
@sampling_options(
    "num_inference_steps", "guidance_scale", "negative_prompt", "true_cfg_scale", "height", "width", "scheduler"
)
@model_options()
@dask_option("to spread the work over")
@out_option("challenge", "runs/challenge")
def challenge(
    candidates: str | None,
    tuning_pairs: Path | None,
    pairs_file: Path | None,
    per_stratum_tuning: int,
    per_stratum: int,
    perceptual_distances: str,
    dry_run: bool,
    dask: str | None,
    out: Path | None,
    **settings: Any,
) -> None:
    """Is there a way that beats optimal transport?

    Compares candidates on pairs for tuning, picks one by a rule that is written down first, and judges it on pairs that
    the choice has not seen. Without files: the embedded model's world, divided by scene.

    Exit status 0: whatever the verdict. 2: it could not run.
    """
    from whichway.analysis.command.tables import show_challenge
    from whichway.analysis.errors import MOST_PAIRS, require_between
    from whichway.analysis.paths.chosen_method import choose_method
    from whichway.analysis.prompts.world_pairs import BY_SIMILARITY, world_pairs
    from whichway.analysis.study.challenge import held_out_settings, run_challenge, tuning_settings
    from whichway.analysis.study.duration import estimate_duration
    from whichway.analysis.study.selection import CANDIDATES, SelectionRule
    from whichway.analysis.study.settings import StudySettings

    require_between("per-stratum-tuning", per_stratum_tuning, 1, MOST_PAIRS)
    require_between("per-stratum", per_stratum, 1, MOST_PAIRS)
    if (tuning_pairs is None) != (pairs_file is None):
        raise click.UsageError("--tuning-pairs and --pairs: wanted both or neither")
    methods = tuple(CANDIDATES) if candidates is None else names("candidates", candidates)
    for method in methods:
        choose_method(method)
    requested = StudySettings(
        ("optimal",), perceptual_distances=names("perceptual-distances", perceptual_distances), **settings
    )
    if tuning_pairs is None or pairs_file is None:
        strata = len(BY_SIMILARITY)
        tuning = world_pairs(strata * per_stratum_tuning, tuning=True).pairs
        held_out = world_pairs(strata * per_stratum).pairs
    else:
        tuning, held_out = _read(tuning_pairs, per_stratum_tuning), _read(pairs_file, per_stratum)
    model = requested.model.load()
    if dry_run:
        for name, of_set, pairs in (
            ("tuning", tuning_settings(requested, methods), tuning),
            ("held out", held_out_settings(requested, methods[0]), held_out),
        ):
            click.echo(f"{name}: {estimate_duration(of_set, pairs, model)}")
        return
    folder = out or Path("runs") / "challenge"
    result = run_challenge(requested, tuning, held_out, folder, model=model, candidates=methods, dask=dask, report=say)
    show_challenge(result, SelectionRule(), folder)


def _read(file: Path, per_stratum: int) -> tuple:
    from whichway.analysis.prompts.pairs import read_pairs, sample_by_stratum

    pairs = read_pairs(file)
    for problem in pairs.problems:
        say(f"Warning: {problem}")
    return sample_by_stratum(pairs.pairs, per_stratum)
