"""``whichway sensitivity``"""

from pathlib import Path
from typing import Any

import click

from whichway.analysis.command.options import model_options, sampling_options
from whichway.analysis.command.outcome import ends_in_one_line, say
from whichway.analysis.command.plugins import RegisteredChoice
from whichway.analysis.vocabulary import PERCEPTUAL_DISTANCE, PERCEPTUAL_DISTANCES


@click.command()
@ends_in_one_line("Nothing was written.")
@click.argument("prompts", nargs=-1, required=True, metavar="PROMPT…")
@click.option("--directions", default=3, help="Of the largest stretches of the metric.")
@click.option("--probes", default=16, help="Random vectors by which tokens are measured.")
@click.option("--movements", default=48, help="Of rows towards the next prompt's, by which ground metrics are judged.")
@click.option(
    "--perceptual-distance",
    default=PERCEPTUAL_DISTANCE,
    type=RegisteredChoice(PERCEPTUAL_DISTANCES),
    help="Between images; one with a gradient.",
)
@sampling_options()
@model_options()
@click.option("--out", type=click.Path(path_type=Path), default="sensitivity.png", help="The picture; .json beside it.")
def sensitivity(prompts: tuple[str, ...], out: Path, **settings: Any) -> None:
    """Which tokens of each PROMPT move its image, by the derivative of the image through all sampling steps."""
    from whichway.analysis.runs.sensitivity import SensitivitySettings, measure_sensitivity

    click.echo(measure_sensitivity(SensitivitySettings(prompts, **settings), out, report=say))
