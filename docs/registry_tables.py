"""Tables of names and what they are, read off the registries that the command reads: they cannot fall behind."""

from collections.abc import Iterable
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

import whichway.analysis.paths  # noqa: F401 - registers methods of its own
from whichway.analysis import vocabulary
from whichway.analysis.families import FAMILIES
from whichway.geometry import COUPLINGS, METHODS, PATHS

Rows = Iterable[tuple[str, ...]]


def rows_of(name: str) -> tuple[tuple[str, ...], Rows]:
    """Headings and rows of the table called ``name``."""
    if name == "methods":
        rows = ((f"`{key}`", m.summary, m.coupling or "–", m.path) for key, m in METHODS.items())
        return ("method", "its path from A to B", "coupling", "path"), rows
    if name == "couplings":
        return ("coupling", ""), ((f"`{key}`", rule.summary) for key, rule in COUPLINGS.items())
    if name == "paths":
        rows = ((f"`{key}`", p.summary, "yes" if p.coupled else "no", p.length_in or "–") for key, p in PATHS.items())
        return ("path", "", "takes a coupling", "has a length in"), rows
    if name == "measures":
        measures = vocabulary.MEASURES.values()
        return ("axis", "measure", "", "better"), ((m.axis, m.title, m.summary, m.better) for m in measures)
    if name == "families":
        return ("family", "pipelines of diffusers", "the image is a function of"), (
            (family.name, ", ".join(family.pipelines), f"its {family.symmetry}") for family in FAMILIES.values()
        )
    choices: dict[str, str] = getattr(vocabulary, name.upper())
    return (name.replace("_", " "), ""), ((f"`{key}`", summary) for key, summary in choices.items())


class RegistryTable(SphinxDirective):
    """``{registry} NAME``: methods, couplings, paths, measures, families, or a choice of the vocabulary."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        headings, rows = rows_of(self.arguments[0])
        lines = [headings, ("---",) * len(headings), *rows]
        text = "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)
        return self.parse_text_to_nodes(text)


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("registry", RegistryTable)
    return {"parallel_read_safe": True}
