"""``whichway invert``"""

from pathlib import Path
from typing import Any

import click

from whichway.analysis.command.options import model_options, sampling_options
from whichway.analysis.command.outcome import ends_in_one_line, say
from whichway.analysis.command.plugins import RegisteredChoice
from whichway.analysis.inversion.settings import InversionSettings
from whichway.analysis.vocabulary import INVERSION_NOISES, PERCEPTUAL_DISTANCES

DEFAULT = InversionSettings("")


@click.command()
@ends_in_one_line("The search is kept; the same command continues.")
@click.argument("photographs", nargs=-1, required=True, metavar="PHOTO…", type=click.Path(path_type=Path))
@click.option("--prompt", "prompts", multiple=True, help="To start from, beside the empty one; repeat it for more.")
@click.option(
    "--nearest", default=DEFAULT.nearest, help="Captions to start from: those that score highest with the photograph."
)
@click.option(
    "--captions",
    "captions_file",
    type=click.Path(path_type=Path),
    help="Among which these are, one a line.  [default: 64 of the miniature's world]",
)
@click.option("--trial", default=DEFAULT.trial, help="Iterations of every start, before the best one goes on.")
@click.option("--iterations", default=DEFAULT.iterations, help="Of the best start, after its trial.")
@click.option("--step", default=DEFAULT.step, help="Of one iteration, in standard deviations of the encoder's rows.")
@click.option("--pixels", default=DEFAULT.pixels, help="Weight of pixels beside the perceptual distance.")
@click.option("--penalty", default=DEFAULT.penalty, help="Of leaving the encoder's rows; 0: none.")
@click.option(
    "--perceptual-distance",
    default=DEFAULT.perceptual_distance,
    type=RegisteredChoice(PERCEPTUAL_DISTANCES),
    help="Between image and photograph; one with a gradient.",
)
@click.option(
    "--noise",
    default=DEFAULT.noise,
    type=click.Choice([*INVERSION_NOISES]),
    help="Of the seed, or found by DDIM run backwards.",
)
@sampling_options()
@model_options()
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder, of a single photograph.  [default: runs/inversions/<name>]"
)
def invert(photographs: tuple[Path, ...], captions_file: Path | None, out: Path | None, **settings: Any) -> None:
    """Find the conditioning whose image is the photograph PHOTO, by gradients through all sampling steps.

    From then on @PHOTO stands for it wherever a command takes a prompt.
    """
    from whichway.analysis.errors import UserError
    from whichway.analysis.prompts.prompt_file import read_prompts
    from whichway.analysis.runs.inversion import invert as run

    if out and len(photographs) > 1:
        raise UserError(f"out: a folder holds one inversion, got {len(photographs)} photographs; leave it out")
    captions = read_prompts(captions_file) if captions_file else ()
    model = None
    for photograph in photographs:
        requested = InversionSettings(str(photograph), captions=captions, **settings)
        model = model or requested.model.load(say)
        click.echo(run(requested, out=out, model=model, report=say))
