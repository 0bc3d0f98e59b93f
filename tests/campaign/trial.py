"""A trial: something is done to a command, and what its user is left with is judged."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SURVIVED, CLEAR = "survived", "clear"  # what a trial asks: was nothing lost? was it said in one line?


class Skip(Exception):  # noqa: N818 - no error
    """The trial cannot be done on this machine; says why."""


@dataclass(frozen=True)
class Trial:
    """One of a campaign.

    Attributes:
        family: of trials that count together, a row of the table.
        name: within the family.
        question: SURVIVED or CLEAR.
        judge: called with an empty folder to work in; returns what went wrong, nothing if nothing did.

    ``judge`` may raise :class:`Skip`.
    """

    family: str
    name: str
    question: str
    judge: Callable[[Path], str]

    @property
    def key(self) -> str:
        return f"{self.family}/{self.name}"
