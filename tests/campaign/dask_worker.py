"""A Dask cluster of two workers, of which one is killed while it works: another one does what it had begun."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.campaign.child import Child, Ending
from tests.campaign.commands import COMMANDS, Command, Workplace
from tests.campaign.judgement import last_line, unclear
from tests.campaign.trees import difference
from tests.campaign.trial import CLEAR, SURVIVED, Skip, Trial

#: a cluster in a process of its own: its address and its workers' process numbers, then it waits for its end
CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        workers = [str(nanny.pid) for nanny in cluster.workers.values()]
        print(cluster.scheduler_address, *workers, flush=True)
        sys.stdin.read()
"""
SPREAD = ("study", "distances", "neighbours")
LIMIT = 400.0  # seconds: each worker imports everything and loads the model


def trials(workplace: Workplace) -> Iterator[Trial]:
    for name in SPREAD:
        judge = partial(_worker_killed, workplace, COMMANDS[name])
        yield Trial("a Dask worker killed", name, SURVIVED, judge)
        yield Trial("the Dask scheduler killed", name, CLEAR, partial(_scheduler_killed, workplace, COMMANDS[name]))


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[subprocess.Popen, str, list[int]]]:
    """Its process, its address and its workers' process numbers."""
    script = folder / "cluster.py"
    script.write_text(CLUSTER, encoding="utf-8")
    with (folder / "cluster.txt").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline().split()
        if not line:
            raise Skip("no Dask cluster starts here")
        yield process, line[0], [int(number) for number in line[1:]]
    finally:
        process.stdin.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def _begun(work: Path) -> bool:
    """Whether workers have got something done."""
    matrix, neighbours = work / "matrix.npy", work / "run" / "neighbours.json"
    searched = neighbours.exists() and b"crc32" in neighbours.read_bytes()
    return matrix.exists() or searched or any((work / "run" / "frames").glob("*.png"))


def _killed(
    workplace: Workplace, command: Command, folder: Path, victims: Callable[[int, list[int]], list[int]]
) -> Ending:
    """How the command ends that was running when ``victims``, of the cluster's process and its workers, were killed."""
    work = folder / "work"
    workplace.lay_out(command, work)
    with cluster(folder) as (process, address, workers):
        arguments = (*workplace.arguments(command), "--dask", address)
        with Child(arguments, work, log=folder / "log") as child:
            child.wait_until(lambda: _begun(work), LIMIT)
            for number in victims(process.pid, workers):
                os.kill(number, signal.SIGKILL)
            return child.wait(LIMIT)


def _worker_killed(workplace: Workplace, command: Command, folder: Path) -> str:
    ending = _killed(workplace, command, folder, lambda _, workers: workers[:1])
    if ending.status != 0:
        return f"exit status {ending.status}: {last_line(ending)}"
    reference = workplace.reference(command.name)
    _without_command(folder / "work", command, reference)
    return difference(folder / "work", reference)


def _without_command(folder: Path, command: Command, reference: Path) -> None:
    """The manifest tells the command, and with it the scheduler's address, which is another one each time."""
    if command.run:
        (folder / command.run / "manifest.json").write_bytes((reference / command.run / "manifest.json").read_bytes())


def _scheduler_killed(workplace: Workplace, command: Command, folder: Path) -> str:
    ending = _killed(workplace, command, folder, lambda scheduler, workers: [scheduler, *workers])
    return "" if ending.status == 0 else unclear(ending)  # it may have been done already
