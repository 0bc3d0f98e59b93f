"""What is judged alike in many trials: that a command goes on to the right end, and that it says what is wrong."""

import re
from collections.abc import Callable
from pathlib import Path

from tests.campaign.child import Ending, run
from tests.campaign.commands import Command, Workplace
from tests.campaign.trees import difference, finished_records, finished_work

LONGEST_MESSAGE = 1500  # characters: beyond, nobody reads it
#: words of a library, or of Python, that a user of the toolkit cannot act on
FOREIGN = re.compile(
    r"Traceback|object is not|has no attribute|positional argument|argument of type|unexpected keyword|expected at most"
    r"|list indices|NoneType|not subscriptable|codec can't|state_dict|above report|object has no|\berrno\b"
)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")


def continued(
    workplace: Workplace, command: Command, work: Path, log: Path, *, compared: Callable[[Path, Path], str] = difference
) -> str:
    """Run the command again where something was done to it: what is wrong with the end; nothing if nothing is."""
    frames, records = finished_work(work), finished_records(work)
    ending = run(workplace.arguments(command), work, log=log)
    if ending.timed_out:
        return f"continued without end: {ending.seconds:.0f} s"
    if ending.status != 0:
        return f"continued with exit status {ending.status}: {last_line(ending)}"
    redone = [name for name, number in finished_work(work).items() if name in frames and number != frames[name]]
    if redone:
        return f"rendered again: {', '.join(redone[:5])}"
    after = finished_records(work)
    if any(not after.get(name, b"").startswith(lines) for name, lines in records.items()):
        return "records that were finished are gone"
    return compared(work, workplace.reference(command.name))


def unclear(ending: Ending, status: int = 2) -> str:
    """What is not clear about a refusal: it wants one line that a user can act on, and exit status 2."""
    if ending.timed_out:
        return f"without end: {ending.seconds:.0f} s"
    message = refusal(ending)
    if foreign := FOREIGN.search(ending.errors):
        return f"{foreign.group()!r}: {last_line(ending)}"
    if ending.status != status:
        return f"exit status {ending.status}: {last_line(ending)}"
    if message is None:
        return f"no line that begins with Error: {last_line(ending)}"
    if len(message) > LONGEST_MESSAGE:
        return f"a message of {len(message)} characters: {message[:60]}…"
    if control := CONTROL.search(message):
        return f"the control character {control.group()!r} in its message"
    return ""


def refusal(ending: Ending) -> str | None:
    """The error's message: its last line, and the only one that begins like this."""
    errors = [line for line in ending.error_lines if line.startswith("Error:")]
    return errors[0] if len(errors) == 1 and ending.error_lines[-1] == errors[0] else None


def last_line(ending: Ending) -> str:
    lines = ending.error_lines or ending.output.splitlines() or ["(silent)"]
    return lines[-1][:200]
