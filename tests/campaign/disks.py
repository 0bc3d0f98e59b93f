"""Disks: one that is full at each file that is written, and one that can only be read. Both are real, of memory.

A tmpfs is mounted in the trial's folder, which takes root's rights: without them these trials are skipped.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shutil import copytree

from tests.campaign.child import run
from tests.campaign.commands import COMMANDS, FILE_BY_FILE, Command, Workplace
from tests.campaign.faults import read_trace, trace
from tests.campaign.judgement import continued, last_line, refusal, unclear
from tests.campaign.trial import CLEAR, SURVIVED, Skip, Trial

LARGE = 512 * 2**20
PAGE = os.sysconf("SC_PAGE_SIZE")
NO_SPACE = "No space left"
WORK = ("frames/*.png", "neighbours.npy", "inversion.png")  # of a run, what it would have to make again


def trials(workplace: Workplace) -> Iterator[Trial]:
    for name, command in FILE_BY_FILE.items():
        for number, event in enumerate(read_trace(workplace.trace(name))):
            judge = partial(_full, workplace, command, number)
            where = f"{number:03} {Path(event['target']).name[:40]}"
            yield Trial(f"disk full at each file, {name}", where, SURVIVED, judge)
    for name, command in COMMANDS.items():
        yield Trial("read-only folder", f"{name}, new", CLEAR, partial(_read_only_new, workplace, command))
        if command.run:
            judge = partial(_read_only_begun, workplace, command)
            yield Trial("read-only folder", f"{name}, of a run", CLEAR, judge)


@contextmanager
def memory_disk(folder: Path) -> Iterator[Path]:
    """A file system in memory, mounted at ``folder``."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={LARGE}", "campaign", folder], capture_output=True, text=True
    )
    if mounted.returncode:
        raise Skip(f"a file system in memory cannot be mounted here ({mounted.stderr.strip()})")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


def _used(folder: Path) -> int:
    disk = os.statvfs(folder)
    return (disk.f_blocks - disk.f_bfree) * disk.f_frsize


def _full(workplace: Workplace, command: Command, number: int, folder: Path) -> str:
    """A disk that has room for the first half of one file: how much that is, a run with all the room shows first."""
    event = _on_memory_disk(workplace, command)[number]
    with memory_disk(folder / "disk") as disk:
        work = disk / "work"
        workplace.lay_out(command, work)
        pages = -(-event["size"] // PAGE)
        before = event["above inputs"] - pages * PAGE
        remount(disk, f"size={_used(disk) + max(before + pages // 2 * PAGE, 0)}")
        ending = run(workplace.arguments(command), work, log=folder / "full")
        if reason := unclear(ending):
            return reason
        if NO_SPACE not in str(refusal(ending)):
            return f"does not say why: {last_line(ending)}"
        remount(disk, f"size={LARGE}")
        return continued(workplace, command, work, folder / "continued")


def _on_memory_disk(workplace: Workplace, command: Command) -> list[dict]:
    """What an undisturbed run needs on a disk of its own, at each file that it replaces; kept once it is known."""
    file = workplace.references / f"{command.name}.disk"
    aside = file.with_name(f"{file.name}-{os.getpid()}")
    inputs_file = file.with_suffix(".inputs")
    if not file.exists():
        aside.unlink(missing_ok=True)
        with memory_disk(workplace.references / f"{command.name}-disk-{os.getpid()}") as disk:
            workplace.lay_out(command, disk / "work")
            inputs_file.write_text(str(_used(disk)))
            log = workplace.references / f"{command.name}-log-{os.getpid()}"
            run(workplace.arguments(command), disk / "work", log=log, prepare=trace(aside))
        aside.replace(file)
    inputs = int(inputs_file.read_text())
    return [event | {"above inputs": event["used"] - inputs} for event in read_trace(file)]


def _read_only_new(workplace: Workplace, command: Command, folder: Path) -> str:
    with memory_disk(folder / "disk") as disk:
        workplace.lay_out(command, disk / "work")
        remount(disk, "ro")
        return unclear(run(workplace.arguments(command), disk / "work", log=folder / "log"))


def _read_only_begun(workplace: Workplace, command: Command, folder: Path) -> str:
    """A finished run, a part of whose work is gone."""
    with memory_disk(folder / "disk") as disk:
        copytree(workplace.reference(command.name), disk / "work")
        run_folder = disk / "work" / command.run
        next(path for pattern in WORK for path in sorted(run_folder.glob(pattern))).unlink()
        remount(disk, "ro")
        return unclear(run(workplace.arguments(command), disk / "work", log=folder / "log"))
