"""The documentation builds without a warning, says what there is, and the things that name a version name the same."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from whichway.analysis.command.main import main

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Built as ``make docs`` does."""
    folder = tmp_path_factory.mktemp("site")
    sphinx = (sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet")
    built = subprocess.run(
        [*sphinx, "--doctree-dir", str(folder / "doctrees"), str(DOCS), str(folder / "html")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder / "html"


@pytest.mark.parametrize("command", main.commands)
def test_every_command_has_a_page_with_all_its_options(site, command):
    page = (site / "commands" / f"{command}.html").read_text(encoding="utf-8")
    for parameter in main.commands[command].params:
        if parameter.param_type_name == "option":
            assert max(parameter.opts, key=len) in page


def test_tables_are_those_of_the_registries(site):
    from whichway.geometry import COUPLINGS, METHODS, PATHS

    page = (site / "methods.html").read_text(encoding="utf-8")
    for name in (*METHODS, *COUPLINGS, *PATHS):
        assert f">{name}<" in page


def test_every_name_of_the_front_door_is_in_the_reference():
    stub = ast.parse((ROOT / "whichway" / "__init__.pyi").read_text(encoding="utf-8"))
    names = {alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    page = (DOCS / "reference" / "whichway.md").read_text(encoding="utf-8")
    assert not {name for name in names - {"analysis", "geometry", "miniature"} if f"whichway.{name}" not in page}


def test_every_picture_and_page_that_a_page_names_is_there():
    for page in DOCS.rglob("*.md"):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"


def test_one_version_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version = {{{version}}}" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"\n## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
