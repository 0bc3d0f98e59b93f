"""``whichway distances``"""

from pathlib import Path
from typing import Any

import click

from whichway.analysis.command.options import (
    READING,
    dask_option,
    model_options,
    names,
    parts_option,
    store_options,
)
from whichway.analysis.command.outcome import ends_in_one_line, say
from whichway.analysis.vocabulary import DISTANCES, GROUNDS


@click.command()
@ends_in_one_line("Finished blocks are kept; the same command continues.")
@click.argument("prompts_file", metavar="PROMPTS.txt", type=click.Path(path_type=Path))
@click.option(
    "--distance", default="wasserstein", type=click.Choice([*DISTANCES]), help="linearised, sliced: nearly W_2."
)
@click.option("--ground", default="euclidean", type=click.Choice([*GROUNDS]), help="Metric by which rows are matched.")
@parts_option("a matrix")
@model_options("name", "device", "dtype", "variant", "clip_skip", *READING)
@store_options
@dask_option("to spread the work over")
@click.option("--out", type=click.Path(path_type=Path), default="distances.npy", help="The matrix, as .npy.")
def distances(
    prompts_file: Path, parts: str, store: Path | None, store_dtype: str, dask: str | None, out: Path, **settings: Any
) -> None:
    """Measure the distances between all prompts of a file, one a line, into a matrix on disk.

    Where a text has several parts (SDXL, SD 3, Flux: the rows of each encoder, a pooled vector), each has a matrix of
    its own, its name at the end of the file's.
    """
    from whichway.analysis.clouds.distances import DistanceSettings, measure_all
    from whichway.analysis.prompts.prompt_file import read_prompts

    requested = DistanceSettings(read_prompts(prompts_file), parts=names("parts", parts), **settings)
    matrices = measure_all(requested, out, store=store, store_dtype=store_dtype, dask=dask, report=say)
    for part, measured in matrices.items():
        of_part = f" of {part}" if measured.path != out else ""
        click.echo(f"{len(measured.matrix)} prompts, {measured.distance}{of_part}: {measured.path}")
