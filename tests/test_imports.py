"""Imports go one way: geometry ← miniature, analysis ← figures, notebooks; and one way inside analysis too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
#: each part of the house, after the parts that it may import from, lazily or not. Images come before models, since a
#: model encodes and renders, and so stands on both; its cross-attention is a ground metric, so clouds come after it
HOUSE = (
    "errors",
    "finite",
    "vocabulary",
    "files",
    "lock",
    "quiet",
    "counted",
    "optional_packages",
    "plugins",
    "cluster",
    "reading",
)
HOUSE = (*HOUSE, "families", "images", "models", "prompts", "clouds", "paths", "smoothness", "fidelity", "geodesics")
HOUSE = (*HOUSE, "inversion", "invariance", "statistics", "pictures", "runs", "study")
HOUSE = (*HOUSE, "explorer", "command")
HEAVY = {"diffusers", "transformers", "matplotlib"}


def imported(path: Path) -> Iterator[str]:
    """Dotted names of everything that a file imports, wherever in the file, under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def breaches(folder: Path, allowed) -> list[str]:
    files = list(folder.rglob("*.py")) or [folder.with_suffix(".py")]
    assert files
    return [f"{path.relative_to(ROOT)}: {name}" for path in files for name in imported(path) if not allowed(path, name)]


def test_geometry_knows_no_model():
    def allowed(path, name):
        first, *rest = name.split(".")
        return first not in HEAVY and (first != "whichway" or rest[0] == "geometry")

    assert not breaches(ROOT / "geometry", allowed)


def test_the_miniature_knows_geometry_only():
    assert not breaches(ROOT / "miniature", lambda path, name: not name.startswith("whichway.analysis"))


@pytest.mark.parametrize("place", HOUSE)
def test_a_part_of_the_analysis_imports_only_from_those_before_it(place):
    def allowed(path, name):
        if not name.startswith("whichway.analysis."):
            return not name.startswith(("figures", "notebooks", "tests", "benchmarks"))
        part = name.split(".")[2]
        return part in HOUSE and HOUSE.index(part) <= HOUSE.index(place)

    assert not breaches(ROOT / "analysis" / place, allowed)


def test_every_part_of_the_house_has_its_place_in_the_order():
    parts = {path.stem for path in (ROOT / "analysis").iterdir()} - {"__init__", "__pycache__"}
    assert parts == set(HOUSE)


@pytest.mark.parametrize("folder", ["notebooks", "examples"])
def test_notebooks_import_from_the_top(folder):
    """What a user is shown imports from ``whichway`` and ``whichway.geometry``, never from a module inside."""
    if (ROOT / folder).is_dir():
        assert not breaches(ROOT / folder, lambda path, name: not name.startswith("whichway.") or name.count(".") <= 2)
