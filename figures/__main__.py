"""Draw figures from the records in this folder, as .png and .pdf: ``python -m figures [--fast] [NAME …]``."""

from importlib import import_module
from pathlib import Path

import click
from tqdm.auto import tqdm

from figures import saved
from whichway.analysis.errors import UserError
from whichway.analysis.statistics import estimates

#: every script of this folder that draws a figure
FIGURES = (
    "invariance",
    "census",
    "filmstrips",
    "steps",
    "projection",
    "coupling",
    "triangle",
    "keyframes",
    "geodesics",
    "pull_back",
    "inversion",
    "weights",
    "long_prompts",
    "distances",
    "claim",
    "comparison",
    "strata",
    "robustness",
    "geometry_against_perception",
    "steps_against_length",
    "strip_best",
    "strip_median",
    "strip_worst",
)
FAST_PAIRS, FAST_RESAMPLES = 10, 99


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME …]")
@click.option("--fast", is_flag=True, help="Ten pairs and few resamples, into runs/figures: does everything draw?")
@click.option("--out", type=click.Path(path_type=Path), help="Folder.  [default: figures]")
def main(names: tuple[str, ...], fast: bool, out: Path | None) -> None:
    """Draw the figures called NAME, or all; one whose records are not there is named, and left as it is."""
    unknown = set(names) - set(FIGURES)
    if unknown:
        raise click.UsageError(f"unknown figure {', '.join(sorted(unknown))}; known: {', '.join(FIGURES)}")
    if fast:
        saved.limit, estimates.RESAMPLES = FAST_PAIRS, FAST_RESAMPLES
    out = out or (Path("runs") / "figures" if fast else saved.HERE)
    out.mkdir(parents=True, exist_ok=True)
    for name in tqdm(names or FIGURES, desc="figures"):
        try:
            figure = import_module(f"figures.{name}").draw()
        except UserError as error:  # records that lack something: the picture that is there stays
            click.echo(f"not drawn: {name}: {error}", err=True)
            continue
        figure.savefig(out / f"{name}.png")
        figure.savefig(out / f"{name}.pdf", metadata={"CreationDate": None})  # the same file every time


if __name__ == "__main__":
    main()
