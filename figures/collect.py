"""A finished run → this folder, less the images that no figure shows: ``python -m figures.collect RUN NAME``."""

import json
from pathlib import Path
from shutil import copy2, copytree, rmtree

import click

from figures.saved import HERE
from whichway.analysis.files import write_json
from whichway.analysis.runs.geodesic_store import GeodesicStore
from whichway.analysis.runs.run import MANIFEST
from whichway.analysis.study.challenge import HELD_OUT, RULE, TUNING
from whichway.analysis.study.kernel_distances import FILE as KERNEL_DISTANCES
from whichway.analysis.study.results import read_results
from whichway.analysis.study.saved_study import KIND, read_study
from whichway.analysis.study.strips import strip_pairs, strip_times
from whichway.analysis.study.unit import Unit, unit_frames


def leave_out_machine_paths(manifest: Path) -> None:
    """Of absolute paths in the command that made a run, what is below the working folder, or else the last name."""
    content = json.loads(manifest.read_text(encoding="utf-8"))
    content["command"] = [_as_anywhere(argument) for argument in content["command"]]
    write_json(manifest, content)


def _as_anywhere(argument: str) -> str:
    path = Path(argument)
    if not path.is_absolute():
        return argument
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else path.name


def collect_study(run: Path, into: Path, *, strips: bool) -> None:
    """Settings and records, and the frames of the film strips of the best, the median and the worst pair."""
    for name in (MANIFEST, "study.json", "records.jsonl", KERNEL_DISTANCES):
        if (run / name).is_file():
            copy2(run / name, into / name)
    leave_out_machine_paths(into / MANIFEST)
    if not strips:
        return
    study = read_study(run)
    for index in strip_pairs(read_results(run), study.settings.perceptual_distances[0]).values():
        unit = Unit(index, study.pairs[index], study.settings.first_seed)
        (store, index_file), (kept_frames, kept_index) = unit_frames(run, unit), unit_frames(into, unit)
        kept_frames.folder.mkdir(exist_ok=True)
        for method, times in strip_times(run, unit).items():
            addresses = index_file.addresses(method, times)
            kept_index.add({(method, t): address for t, address in zip(times, addresses, strict=True)})
            for address in addresses:
                copy2(store.path(address), kept_frames.path(address))


def collect_challenge(run: Path, into: Path) -> None:
    """The rule, the pick, the verdict and the tables, and the records of both studies."""
    for path in (*run.glob("*.json"), *run.glob("*.csv")):
        copy2(path, into / path.name)
    for name in (TUNING, HELD_OUT):
        if (run / name).is_dir():
            (into / name).mkdir()
            collect_study(run / name, into / name, strips=False)


def collect_run(run: Path, into: Path) -> None:
    """A comparison, barycenters or a film: all but their pictures."""
    for path in (*run.glob("*.json"), *run.glob("*.safetensors")):
        copy2(path, into / path.name)
    leave_out_machine_paths(into / MANIFEST)
    copytree(run / "frames", into / "frames")
    GeodesicStore(run / "geodesics").keep_best(GeodesicStore(into / "geodesics"))


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("name")
@click.option("--records-only", is_flag=True, help="Of a study: no frames.")
def main(run: Path, name: str, records_only: bool) -> None:
    """Keep of RUN what the figures are drawn from, as NAME."""
    into = HERE / name
    rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    if (run / RULE).is_file():
        collect_challenge(run, into)
    elif json.loads((run / MANIFEST).read_text(encoding="utf-8"))["kind"] == KIND:
        collect_study(run, into, strips=not records_only)
    else:
        collect_run(run, into)


if __name__ == "__main__":
    main()
