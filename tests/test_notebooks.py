"""The notebooks: paired with readable scripts, committed without outputs. ``make test`` runs them with nbmake."""

import ast
from pathlib import Path

import jupytext
import pytest

from tests.test_imports import imported

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
SCRIPTS = sorted(NOTEBOOKS.glob("*.py"))


def test_there_are_six_and_each_has_its_pair():
    assert [path.stem[:2] for path in SCRIPTS] == ["01", "02", "03", "04", "05", "06"]
    assert {path.stem for path in SCRIPTS} == {path.stem for path in NOTEBOOKS.glob("*.ipynb")}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_notebook_says_what_its_script_says_and_holds_no_output(script):
    readable, notebook = jupytext.read(script), jupytext.read(script.with_suffix(".ipynb"))
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        (cell.cell_type, cell.source) for cell in readable.cells
    ], f"run: jupytext --sync {script.name}"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_notebook_asks_a_question_and_answers_it(script):
    text = script.read_text(encoding="utf-8")
    ast.parse(text)
    assert "?**" in text
    assert "# **Answer.**" in text
    assert not {name.partition(".")[0] for name in imported(script)} & {"tests", "benchmarks", "figures"}
