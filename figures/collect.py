"""A finished run → this folder, less the images that no figure shows: ``python -m figures.collect RUN NAME``."""

from pathlib import Path
from shutil import copy2, copytree, rmtree

import click

from figures.saved import HERE
from whichway.analysis.study.report import STRIP_METHODS, strip_pairs
from whichway.analysis.study.study import frames_folder, read_results, read_study


def collect_study(run: Path, into: Path, *, strips: bool) -> None:
    """Settings and records, and the frames of the film strips of the best, the median and the worst pair."""
    for name in ("study.json", "records.jsonl"):
        copy2(run / name, into / name)
    if not strips:
        return
    for pair in strip_pairs(read_results(run), read_study(run)["settings"]["metrics"][0]).values():
        for method in STRIP_METHODS:
            source = frames_folder(run, pair, 0) / method
            copytree(source, frames_folder(into, pair, 0) / method)


def collect_run(run: Path, into: Path) -> None:
    """A comparison or a simplex: all but its pictures."""
    for path in (*run.glob("*.json"), *run.glob("*.safetensors")):
        copy2(path, into / path.name)
    copytree(run / "frames", into / "frames")


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("name")
@click.option("--records-only", is_flag=True, help="Of a study: no frames.")
def main(run: Path, name: str, records_only: bool) -> None:
    """Keep of RUN what the figures are drawn from, as NAME."""
    into = HERE / name
    rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    if not (run / "study.json").is_file():
        collect_run(run, into)
    else:
        collect_study(run, into, strips=not records_only)


if __name__ == "__main__":
    main()
