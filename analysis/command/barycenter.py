"""``whichway barycenter``"""

from pathlib import Path
from typing import Any

import click

from whichway.analysis.command.options import model_options, out_option, sampling_options
from whichway.analysis.command.outcome import ends_in_one_line, say


@click.command()
@ends_in_one_line("Finished frames are kept; the same command continues.")
@click.argument("prompts", nargs=-1, required=True, metavar="PROMPT PROMPT PROMPT [PROMPT]")
@click.option("--side", default=5, help="Images along one side of the triangle or square.")
@sampling_options()
@model_options()
@out_option()
def barycenter(prompts: tuple[str, ...], out: Path | None, **settings: Any) -> None:
    """Draw the images between three prompts (a triangle) or four (a square): Wasserstein barycenters."""
    from whichway.analysis.runs.barycenters import BarycenterSettings, render_barycenters

    requested = BarycenterSettings(prompts, **settings)
    click.echo(render_barycenters(requested, out=out, report=say))
