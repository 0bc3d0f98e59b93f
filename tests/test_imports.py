"""Imports go one way: geometry ← analysis ← figures, notebooks; the miniature knows geometry only."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODELS = {"diffusers", "transformers", "analysis", "miniature", "matplotlib"}
FORBIDDEN = {"geometry": MODELS, "miniature": {"analysis"}, "analysis": {"figures", "notebooks", "tests"}}


def imported(path: Path) -> set[str]:
    """Top-level names of everything that a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_a_package_imports_only_what_lies_before_it(package):
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        assert not imported(path) & FORBIDDEN[package], path
