"""SIGKILL: at random moments, at every file that is replaced, and half-way through every file that is written."""

import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.campaign.child import Child, run
from tests.campaign.commands import COMMANDS, FILE_BY_FILE, Command, Workplace
from tests.campaign.faults import die_after_replacing, die_before_replacing, die_halfway_through, read_trace
from tests.campaign.judgement import continued, last_line
from tests.campaign.trial import SURVIVED, Trial

MOMENTS = {"study": 50, "compare": 20, "distances": 20, "map": 20, "animate": 20, "barycenter": 20, "neighbours": 20}
ATTEMPTS = 6  # to hit a command before it is done; each at half the moment before


def trials(workplace: Workplace) -> Iterator[Trial]:
    for name, count in MOMENTS.items():
        command = COMMANDS[name]
        draw = random.Random(f"{workplace.seed} {name}")
        for number in range(count):
            judge = partial(_at_moment, workplace, command, draw.random())
            yield Trial(f"kill at a random moment, {name}", f"{number:02}", SURVIVED, judge)
    for name, command in FILE_BY_FILE.items():
        for number, event in enumerate(read_trace(workplace.trace(name))):
            where = f"{number:03} {Path(event['target']).name[:40]}"
            for moment, fault in (
                ("before", die_before_replacing(number)),
                ("after", die_after_replacing(number)),
                ("half-way through", die_halfway_through(number, event["size"])),
            ):
                judge = partial(_at_file, workplace, command, fault)
                row = f"kill at each file replaced, {name}"
                if moment == "half-way through":
                    row = f"kill half-way through each file, {name}"
                yield Trial(row, f"{moment} {where}", SURVIVED, judge)


def _at_moment(workplace: Workplace, command: Command, moment: float, folder: Path) -> str:
    work = folder / "work"
    delay = moment * workplace.seconds(command.name)
    for _ in range(ATTEMPTS):
        workplace.lay_out(command, work)
        with Child(workplace.arguments(command), work, log=folder / "killed") as child:
            child.wait_until(lambda: False, delay)
            if child.kill():
                child.wait()
                return continued(workplace, command, work, folder / "continued")
        delay /= 2
        work = folder / f"work-{delay:.4f}"
    return "it was always done before it could be killed"


def _at_file(workplace: Workplace, command: Command, fault: Callable[[], None], folder: Path) -> str:
    work = folder / "work"
    workplace.lay_out(command, work)
    ending = run(workplace.arguments(command), work, log=folder / "killed", prepare=fault)
    if ending.status >= 0:
        return f"it was not killed: exit status {ending.status}: {last_line(ending)}"
    return continued(workplace, command, work, folder / "continued")
