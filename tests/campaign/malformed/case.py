"""A case: an input, the command that reads it, and whether it is to be refused, read, or either."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.child import run
from tests.campaign.commands import Command, Workplace
from tests.campaign.judgement import last_line, unclear
from tests.campaign.trees import difference

REFUSED, FINE, EITHER, HEALED = "refused", "fine", "either", "healed"


@dataclass(frozen=True)
class Case:
    """What is read, and what has to come of it.

    Attributes:
        arguments: of the command, in a folder that holds its usual inputs.
        damage: makes the input what it is.
        expected: REFUSED: one line. FINE: it is unusual, but right. EITHER. HEALED: one line, or the end of an
            undisturbed run of ``command``.
    """

    name: str
    command: Command
    arguments: tuple[str, ...]
    damage: Callable[[Path], object] = lambda folder: None
    expected: str = REFUSED
    limit: float = 240.0

    def judge(self, workplace: Workplace, folder: Path) -> str:
        work = folder / "work"
        workplace.lay_out(self.command, work)
        self.damage(work)
        ending = run(self.arguments, work, log=folder / "log", limit=self.limit)
        if ending.status != 0 or ending.timed_out:
            if self.expected == FINE:
                return f"refused: exit status {ending.status}: {last_line(ending)}"
            return unclear(ending)
        if self.expected == REFUSED:
            return f"accepted: {last_line(ending)}"
        return difference(work, workplace.reference(self.command.name)) if self.expected == HEALED else ""
