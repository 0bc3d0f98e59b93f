"""``whichway distances``"""

from pathlib import Path
from typing import Any

import click

from whichway.analysis.command.options import dask_option, model_options
from whichway.analysis.command.outcome import ends_in_one_line, say
from whichway.analysis.vocabulary import DISTANCES, GROUNDS


@click.command()
@ends_in_one_line("Finished blocks are kept; the same command continues.")
@click.argument("prompts_file", metavar="PROMPTS.txt", type=click.Path(path_type=Path))
@click.option(
    "--distance", default="wasserstein", type=click.Choice([*DISTANCES]), help="linearised, sliced: nearly W_2."
)
@click.option("--ground", default="euclidean", type=click.Choice([*GROUNDS]), help="Metric by which rows are matched.")
@model_options("name", "device", "dtype", "variant")
@dask_option("to spread the work over")
@click.option("--out", type=click.Path(path_type=Path), default="distances.npy", help="The matrix, as .npy.")
def distances(prompts_file: Path, dask: str | None, out: Path, **settings: Any) -> None:
    """Measure the distances between all prompts of a file, one a line, into a matrix on disk."""
    from whichway.analysis.clouds.distances import DistanceSettings, measure_all
    from whichway.analysis.prompts.prompt_file import read_prompts

    requested = DistanceSettings(read_prompts(prompts_file), **settings)
    measured = measure_all(requested, out, dask=dask, report=say)
    click.echo(f"{len(measured.matrix)} prompts, {requested.distance}: {out}")
