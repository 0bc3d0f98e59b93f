"""The trials, one after the other or several at once, each with the folder that it leaves when it goes wrong."""

import gc
import importlib
import multiprocessing
import random
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Any

import click

from tests.campaign import dask_worker, disks, kills, malformed, signals, two_processes
from tests.campaign.child import run
from tests.campaign.commands import COMMANDS, Workplace
from tests.campaign.faults import list_imports, trace
from tests.campaign.results import Results
from tests.campaign.trial import Skip, Trial

KINDS = (kills, signals, two_processes, disks, dask_worker, malformed)
FEWER_RESAMPLES = 199  # of the bootstraps: what they are exact to is no question of this campaign


def carry_out(
    out: Path,
    results: Results,
    *,
    processes: int,
    seed: int,
    prefixes: Sequence[str],
    again: bool = False,
    sample: int | None = None,
    minutes: float | None = None,
) -> dict[str, tuple[str, int]]:
    """Do what is not done yet; returns what there is: family of trials → its question, and how many they are.

    Args:
        prefixes: of the keys of those trials that are to be done.
        again: also those that went wrong.
        sample: of each family at most so many, drawn by the seed.
        minutes: after which no further trial is begun.
    """
    workplace = prepare(out.resolve(), seed)
    done = {key for key, result in results.read().items() if not (again and result["reason"])}
    every = list(all_trials(workplace))
    chosen = [trial for trial in every if trial.key.startswith(tuple(prefixes))]
    if sample is not None:
        chosen = sampled(chosen, sample, seed)
    chosen = [trial for trial in chosen if trial.key not in done]
    deadline = time.monotonic() + 60 * minutes if minutes is not None else None
    do = partial(_do, out.resolve() / "trials", deadline)
    _TRIALS[:] = chosen
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for number, result in enumerate(pool.imap_unordered(do, range(len(chosen))), start=1):
            if result is None:
                continue
            results.add(result)
            outcome = result["reason"] or (f"skipped: {result['skipped']}" if result["skipped"] else "ok")
            click.echo(f"{number}/{len(chosen)} {result['key']} ({result['seconds']:.1f} s): {outcome}")
    numbers = Counter(trial.family for trial in every)
    return {trial.family: (trial.question, numbers[trial.family]) for trial in every}


def all_trials(workplace: Workplace) -> Iterator[Trial]:
    for kind in KINDS:
        yield from kind.trials(workplace)


def sampled(trials: Sequence[Trial], most: int, seed: int) -> list[Trial]:
    """At most so many of each family, in an order in which all families come early."""
    shuffled = random.Random(seed).sample(trials, len(trials))
    number: Counter[str] = Counter()
    places = []
    for trial in shuffled:
        places.append((number[trial.family], trial))
        number[trial.family] += 1
    return [trial for place, trial in sorted(places, key=lambda placed: placed[0]) if place < most]


_TRIALS: list[Trial] = []  # inherited by the forked processes, not sent to them


def _do(folder: Path, deadline: float | None, number: int) -> dict[str, Any] | None:
    if deadline is not None and time.monotonic() > deadline:
        return None
    trial = _TRIALS[number]
    own = folder / "".join(letter if letter.isalnum() else "-" for letter in trial.key)
    rmtree(own, ignore_errors=True)
    own.mkdir(parents=True)
    begun, reason, skipped = time.monotonic(), "", ""
    try:
        reason = trial.judge(own)
    except Skip as skip:
        skipped = str(skip)
    except Exception:
        reason = f"the trial itself failed: {traceback.format_exc()[-1500:]}"
    if not reason:
        rmtree(own, ignore_errors=True)
    seconds = round(time.monotonic() - begun, 2)
    return {
        "key": trial.key,
        "family": trial.family,
        "question": trial.question,
        "reason": reason,
        "skipped": skipped,
        "seconds": seconds,
    }


# --- what all trials share -------------------------------------------------------------------------------------------


def prepare(out: Path, seed: int) -> Workplace:
    """The tiny model and the undisturbed runs, made once; and in this process, all that the commands import."""
    workplace = Workplace(out / "model", out / "references", seed)
    if not workplace.model.exists():
        from tests.tiny_pipelines import stable_diffusion

        stable_diffusion().save_pretrained(workplace.model)
    workplace.references.mkdir(parents=True, exist_ok=True)
    _work_less()  # before what is imported takes its constants over
    for name in COMMANDS:
        _import_all(workplace.references / f"{name}.imports")
        if not (workplace.references / f"{name}.seconds").exists():
            _refer(workplace, name)
            _import_all(workplace.references / f"{name}.imports")
    gc.freeze()  # the collector would write to memory that all processes share
    return workplace


def _refer(workplace: Workplace, name: str) -> None:
    """Twice: the first imports, the second shows how long it takes, and that two runs are alike."""
    command, folder, log = COMMANDS[name], workplace.reference(name), workplace.references / f"{name}.log"
    for file, hook in ((workplace.references / f"{name}.imports", list_imports), (workplace.trace(name), trace)):
        for path in (folder, file):
            rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        workplace.lay_out(command, folder)
        ending = run(workplace.arguments(command), folder, log=log, prepare=hook(file))
        if ending.status != 0:
            raise click.ClickException(f"{name} does not even work undisturbed: see {log}")
        if hook is list_imports:
            _import_all(file)
    (workplace.references / f"{name}.seconds").write_text(f"{ending.seconds:.2f}")
    click.echo(f"undisturbed: {name}, {ending.seconds:.1f} s")


def _import_all(listed: Path) -> None:
    names = dict.fromkeys(listed.read_text().split()) if listed.exists() else {}
    for name in names:
        with suppress(Exception):
            importlib.import_module(name)


def _work_less() -> None:
    """What takes long and is not at stake here."""
    from whichway.analysis.pictures import style
    from whichway.analysis.statistics import estimates
    from whichway.analysis.study import kernel_distances

    estimates.RESAMPLES = kernel_distances.RESAMPLES = FEWER_RESAMPLES
    style.DPI, style.rcParams = 50, {}  # small figures, without fonts cut to measure: half of a study's time
