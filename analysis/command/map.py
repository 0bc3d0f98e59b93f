"""``whichway map``"""

from pathlib import Path
from typing import Any

import click

from whichway.analysis.command.options import (
    dask_option,
    model_options,
    names,
    out_option,
    parts_option,
    sampling_options,
    store_options,
)
from whichway.analysis.command.outcome import ends_in_one_line, say
from whichway.analysis.command.plugins import RegisteredChoice
from whichway.analysis.vocabulary import PROJECTIONS, VIEWS


@click.command("map")
@ends_in_one_line("Finished frames are kept; the same command continues.")
@click.argument("prompts_file", metavar="PROMPTS.txt", type=click.Path(path_type=Path))
@click.option("--projection", default="umap", type=RegisteredChoice(PROJECTIONS), help="On the plane.")
@click.option("--view", default="wasserstein", type=click.Choice([*VIEWS]), help="frobenius: rows in their order.")
@click.option("--images/--no-images", default=True, help="Draw each prompt's image at its place.")
@click.option("--clusters", default=0, help="Colour so many groups of prompts that are near each other; 0: none.")
@parts_option("a map")
@sampling_options()
@model_options()
@store_options
@dask_option("that finds the neighbours of more than 300 prompts")
@out_option()
def map_prompts(
    prompts_file: Path,
    parts: str,
    store: Path | None,
    store_dtype: str,
    dask: str | None,
    out: Path | None,
    **settings: Any,
) -> None:
    """Draw the prompts of a file, one a line, as a map on which near means near in W_2.

    Where a text has several parts (SDXL, SD 3, Flux: the rows of each encoder, a pooled vector), each has a map of its
    own: what is near for one need not be near for another.
    """
    from whichway.analysis.prompts.prompt_file import read_prompts
    from whichway.analysis.runs.prompt_map import MapSettings, draw_prompt_map

    requested = MapSettings(read_prompts(prompts_file), parts=names("parts", parts), **settings)
    pictures = draw_prompt_map(requested, out=out, store=store, store_dtype=store_dtype, dask=dask, report=say)
    for picture in pictures:
        click.echo(picture)
