"""Ctrl-C (SIGINT) and SIGTERM at random moments: one line, exit status 130 or 143, and nothing is lost."""

import random
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.campaign.child import Child
from tests.campaign.commands import COMMANDS, Command, Workplace
from tests.campaign.judgement import continued, last_line
from tests.campaign.trial import SURVIVED, Trial

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
MOMENTS = 5
ATTEMPTS = 6
STARTED = 30.0  # seconds until it has a handler of its own, at the latest
ABOUT_DONE = 2.0  # seconds from the signal to a normal end, if it came too late to be heeded
QUICK_ENOUGH = 30.0  # seconds from the signal to the end, on a busy machine


def trials(workplace: Workplace) -> Iterator[Trial]:
    for number in STATUS:
        draw = random.Random(f"{workplace.seed} {number}")
        for name, command in COMMANDS.items():
            for moment in range(MOMENTS):
                judge = partial(_interrupted, workplace, command, number, draw.random())
                yield Trial(f"{number.name}", f"{name} {moment}", SURVIVED, judge)


def _interrupted(workplace: Workplace, command: Command, number: signal.Signals, moment: float, folder: Path) -> str:
    work, delay = folder / "work", moment * workplace.seconds(command.name)
    for _ in range(ATTEMPTS):
        workplace.lay_out(command, work)
        with Child(workplace.arguments(command), work, log=folder / "interrupted") as child:
            child.wait_until(lambda: child.catches(signal.SIGTERM), STARTED)
            child.wait_until(lambda: False, delay)
            landed, sent = child.send(number), time.monotonic()
            ending = child.wait(QUICK_ENOUGH)
        if landed and ending.status == 0 and time.monotonic() - sent > ABOUT_DONE:
            return "it went on as if nothing had come"
        if landed and ending.status != 0:
            lines = ending.error_lines
            if ending.timed_out:
                return f"still there {QUICK_ENOUGH:.0f} s after the signal"
            if ending.status != STATUS[number]:
                return f"exit status {ending.status}: {last_line(ending)}"
            if "Traceback" in ending.errors or not lines or not lines[-1].startswith("Interrupted."):
                return f"not one line: {last_line(ending)}"
            return continued(workplace, command, work, folder / "continued")
        delay, work = delay / 2, folder / f"work-{delay:.4f}"
    return "it was always done before the signal came"
