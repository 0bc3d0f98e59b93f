"""``whichway redo``"""

import sys
from pathlib import Path

import click

from whichway.analysis.command.outcome import FAILED_CHECK, ends_in_one_line, say
from whichway.analysis.vocabulary import DEVICES


@click.command()
@ends_in_one_line("Nothing was written.")
@click.argument("frame", metavar="FRAME.png", type=click.Path(path_type=Path))
@click.option("--device", type=click.Choice([*DEVICES]), help="Where.  [default: as then]")
@click.option("--out", type=click.Path(path_type=Path), help="The new file.  [default: FRAME-again.png, here]")
def redo(frame: Path, device: str | None, out: Path | None) -> None:
    """Render a frame again from what its file says: prompts, path, place on it, seed, sampling, model.

    Every frame that a run keeps says so, in the text chunks of its PNG. Exit status 0: the same picture, up to
    rounding. 1: another one, since the model or a package is another one now.
    """
    from whichway.analysis.runs.redo import redo as run

    if out and out.suffix.lower() != ".png":
        raise click.UsageError(f"out: wanted a name that ends in .png, got {str(out)!r}")
    redone = run(frame, out or Path(f"{frame.stem}-again.png"), device=device, report=say)
    click.echo(redone.path)
    say(redone)
    sys.exit(0 if redone.passed else FAILED_CHECK)
