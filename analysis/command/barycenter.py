"""``whichway barycenter``"""

from pathlib import Path
from typing import Any

import click

from whichway.analysis.command.options import model_options, numbers, out_option, sampling_options
from whichway.analysis.command.outcome import ends_in_one_line, say


@click.command()
@ends_in_one_line("Finished frames are kept; the same command continues.")
@click.argument("prompts", nargs=-1, required=True, metavar="PROMPT PROMPT …")
@click.option("--side", default=5, help="Images along one side of the triangle or square.")
@click.option(
    "--weights", help="One for each prompt, separated by commas: the one image between any number of prompts."
)
@sampling_options()
@model_options()
@out_option()
def barycenter(prompts: tuple[str, ...], weights: str | None, out: Path | None, **settings: Any) -> None:
    """Draw the images between prompts, their Wasserstein barycenters: of three a triangle, of four a square.

    With --weights 0.2,0.3,0.5 any number of prompts have one image between them. The order of prompts does not matter.
    A prompt may be @photo.png, a photograph ('whichway invert').
    """
    from whichway.analysis.runs.barycenters import BarycenterSettings, render_barycenters

    own = () if weights is None else numbers("weights", weights)
    requested = BarycenterSettings(prompts, weights=own, **settings)
    click.echo(render_barycenters(requested, out=out, report=say))
