"""Which frame is which: method and t → address."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whichway.analysis.files import read_json, write_json

ADDRESS = re.compile(r"[0-9a-f]{64}")
FrameName = tuple[str, float | None]  # a method and its t, or a name alone


@dataclass(frozen=True)
class FrameIndex:
    """A JSON file: {"optimal": {"0.125000": address, …}, …}; the t of a frame with a name alone is "".

    Written by one process at a time (the one that holds the run's lock, or does this part of a study).
    """

    path: Path

    def read(self) -> dict[str, dict[str, str]]:
        """All of it; empty where there is none.

        Raises:
            OSError, ValueError: it cannot be read, or is damaged.
        """
        if not self.path.is_file():
            return {}
        content = read_json(self.path)
        of_methods = [*content.values()]
        if not all(isinstance(of_method, dict) for of_method in of_methods):
            raise ValueError(f"{str(self.path)!r} is damaged")
        if not all(ADDRESS.fullmatch(str(address)) for of_method in of_methods for address in of_method.values()):
            raise ValueError(f"{str(self.path)!r} names files that are no frames")
        return content

    def add(self, addresses: Mapping[FrameName, str]) -> None:
        """Entries of the same name are replaced, the others stay."""
        try:
            content = self.read()
        except (OSError, ValueError):  # a damaged index is made anew: addresses follow from the settings
            content = {}
        before = json.dumps(content)
        for (name, t), address in addresses.items():
            content.setdefault(name, {})[_key(t)] = address
        if json.dumps(content) != before:
            write_json(self.path, content)

    def addresses(self, name: str, times: Sequence[float | None]) -> list[str]:
        """The addresses of frames of one method.

        Raises:
            OSError, ValueError: as :meth:`read`.
            KeyError: there is no entry for one of them.
        """
        of_method = self.read()[name]
        return [of_method[_key(t)] for t in times]


def _key(t: float | None) -> str:
    return "" if t is None else f"{t:.6f}"
