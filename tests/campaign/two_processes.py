"""Two processes at once, of the same command in the same folder: one is refused in a line, or both do it right."""

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.campaign.child import Child
from tests.campaign.commands import COMMANDS, Command, Workplace
from tests.campaign.judgement import last_line, unclear
from tests.campaign.trees import difference
from tests.campaign.trial import SURVIVED, Trial

TIMES = 3


def trials(workplace: Workplace) -> Iterator[Trial]:
    draw = random.Random(workplace.seed)
    for name, command in COMMANDS.items():
        for number in range(TIMES):
            later = number and draw.random() * workplace.seconds(name)  # the first time: both at once
            judge = partial(_together, workplace, command, later)
            yield Trial("two processes on one folder", f"{name} {number}", SURVIVED, judge)


def _together(workplace: Workplace, command: Command, later: float, folder: Path) -> str:
    work = folder / "work"
    workplace.lay_out(command, work)
    arguments = workplace.arguments(command)
    with Child(arguments, work, log=folder / "first") as first:
        first.wait_until(lambda: False, later)
        with Child(arguments, work, log=folder / "second") as second:
            endings = [first.wait(), second.wait()]
    finished = [ending for ending in endings if ending.status == 0]
    if not finished:
        return f"neither finished: {'; '.join(last_line(ending) for ending in endings)}"
    for ending in endings:
        if ending.status != 0 and (reason := unclear(ending)):
            return reason
    return difference(work, workplace.reference(command.name))
