"""What came of the trials: a line of JSON for each, and the figures that are counted from them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.campaign.trial import CLEAR, SURVIVED

BEGIN, END = "<!-- campaign: begin -->", "<!-- campaign: end -->"
Figures = dict[str, dict[str, dict[str, int]]]  # question → family of trials → counts


@dataclass(frozen=True)
class Results:
    """A file that is only ever appended to; the last line of a trial counts."""

    file: Path

    def read(self) -> dict[str, dict[str, Any]]:
        """Key → result: ``family``, ``question``, ``reason`` (what went wrong; empty), ``skipped``, ``seconds``."""
        if not self.file.exists():
            return {}
        lines = self.file.read_text(encoding="utf-8").splitlines()
        return {result["key"]: result for result in map(json.loads, lines)}

    def add(self, result: dict[str, Any]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result, ensure_ascii=False) + "\n")

    def figures(self, planned: Mapping[str, tuple[str, int]]) -> Figures:
        """What is counted, of the trials that there are (family → question, number of trials).

        Trials that this machine cannot do are neither passed nor failed: they are "skipped".
        """
        counted: Figures = {SURVIVED: {}, CLEAR: {}}
        for family, (question, number) in planned.items():
            counted[question][family] = {"passed": 0, "of": 0, "skipped": 0, "planned": number}
        for result in self.read().values():
            row = counted[result["question"]].get(result["family"])
            if row is not None:
                row["skipped"] += bool(result["skipped"])
                row["of"] += not result["skipped"]
                row["passed"] += not (result["skipped"] or result["reason"])
        return counted


def summary(figures: Figures) -> Iterator[str]:
    """The lines that a campaign ends with: "survived 20 of 20"."""
    for question, families in figures.items():
        for family, row in families.items():
            if row["of"]:
                yield f"  {family}: {row['passed']} of {row['of']}"
        yield f"{question} {_sum(families, 'passed')} of {_sum(families, 'of')}"
        if left := _sum(families, "planned") - _sum(families, "of") - _sum(families, "skipped"):
            yield f"  ({left} trials are not done yet)"
        if skipped := _sum(families, "skipped"):
            yield f"  ({skipped} trials cannot be done on this machine)"


def table(figures: Figures) -> str:
    """The same as a table in Markdown."""
    lines = ["| what is done | passed | trials there are |", "| --- | --- | --- |"]
    for question, families in figures.items():
        for family, row in families.items():
            lines.append(f"| {family} | {row['passed']} of {row['of']} | {row['planned']} |")
        total = f"{_sum(families, 'passed')} of {_sum(families, 'of')}"
        lines.append(f"| **{question}** | **{total}** | {_sum(families, 'planned')} |")
    return "\n".join(lines)


def sentence(figures: Figures) -> str:
    """The same in words."""
    passed, of = ({question: _sum(rows, name) for question, rows in figures.items()} for name in ("passed", "of"))
    return (
        f"{passed[SURVIVED]} of {of[SURVIVED]} kills, interruptions, full disks and second processes were survived to "
        f"the last byte, and {passed[CLEAR]} of {of[CLEAR]} inputs that are wrong ended in one clear line"
    )


def write_figures(file: Path, figures: Figures, *, table_on: Path, sentence_on: Path) -> None:
    """As JSON, and as a table and a sentence, each between the marks on a page of Markdown."""
    file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    for page, text in ((table_on, f"\n{table(figures)}\n"), (sentence_on, sentence(figures))):
        before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
        _, _, after = rest.partition(END)
        page.write_text(f"{before}{BEGIN}{text}{END}{after}", encoding="utf-8")


def _sum(families: Mapping[str, Mapping[str, int]], name: str) -> int:
    return sum(row[name] for row in families.values())
