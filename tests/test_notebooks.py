"""The notebooks: paired with readable scripts, committed without outputs. ``make test`` runs them with nbmake."""

import ast
import shutil
import subprocess
from pathlib import Path

import jupytext
import nbformat
import pytest

from tests.test_imports import imported

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
SCRIPTS = sorted(NOTEBOOKS.glob("*.py"))


def test_there_are_ten_and_each_has_its_pair():
    assert [int(path.stem[:2]) for path in SCRIPTS] == [*range(1, 11)]
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


@pytest.fixture
def clone(tmp_path):
    """The notebooks in a repository of their own."""
    shutil.copytree(NOTEBOOKS, tmp_path / "notebooks", ignore=shutil.ignore_patterns("runs", ".ipynb_checkpoints"))
    for name in ("pyproject.toml", ".gitignore"):
        shutil.copy(NOTEBOOKS.parent / name, tmp_path)
    author = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for arguments in (["init", "--quiet"], ["add", "."], [*author, "commit", "--quiet", "-m", "notebooks"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    return tmp_path


def contents_of(root):
    """The manager of files of a JupyterLab with jupytext, as the project configures it."""
    from jupytext import TextFileContentsManager
    from traitlets.config import PyFileConfigLoader

    config = PyFileConfigLoader("jupyter_server_config.py", path=str(NOTEBOOKS / "jupyter")).load_config()
    return TextFileContentsManager(root_dir=str(root), config=config)


def run(content):
    """What running a notebook in JupyterLab leaves in it."""
    content["metadata"]["language_info"] = {"name": "python", "version": "3.11.2"}
    for count, cell in enumerate(content["cells"], 1):
        cell["metadata"] = {"trusted": True, "execution": {"iopub.status.busy": "2025-01-01"}}
        if cell["cell_type"] == "code":
            cell["outputs"] = [nbformat.v4.new_output("stream", text="seen")]
            cell["execution_count"] = count


@pytest.mark.parametrize("place", [".", "notebooks"])
@pytest.mark.parametrize("script", SCRIPTS[:2], ids=lambda path: path.stem)
def test_a_notebook_that_was_run_is_saved_as_it_is_committed(clone, script, place):
    contents = contents_of(clone / place)
    name = str((clone / "notebooks" / f"{script.stem}.ipynb").relative_to(clone / place))
    model = contents.get(name)
    run(model["content"])
    contents.save(model, name)
    status = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True)
    assert status.stdout == ""


def test_a_notebook_of_ones_own_keeps_its_outputs(clone):
    contents = contents_of(clone / "notebooks")
    model = contents.get(f"{SCRIPTS[0].stem}.ipynb")
    run(model["content"])
    contents.save(model, "mine.ipynb")
    saved = nbformat.read(clone / "notebooks" / "mine.ipynb", as_version=4)
    assert any(cell.get("outputs") for cell in saved.cells)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_running_all_cells_never_waits_for_the_explorer(script):
    assert ".wait(" not in script.read_text(encoding="utf-8")


@pytest.fixture
def environment(tmp_path):
    """A clone whose path has spaces, with an environment in which everything is installed."""
    root = tmp_path / "a clone"
    shutil.copytree(NOTEBOOKS / "jupyter", root / "notebooks" / "jupyter")
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(NOTEBOOKS.parent / name, root)
    (root / ".venv").mkdir()
    (root / ".venv" / ".runtime").touch()
    return root


def set_up_lab(root):
    command = ["make", "--always-make", "--old-file=.venv/.runtime", ".venv/.lab", "PIP=true"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout


def test_jupyter_of_the_environment_reads_the_projects_settings(environment):
    assert "stays" not in set_up_lab(environment) + set_up_lab(environment)  # nor the second time
    ours, read = environment / "notebooks" / "jupyter", environment / ".venv" / "etc" / "jupyter"
    files = [path.relative_to(ours) for path in ours.rglob("*.*") if path.suffix in (".py", ".json")]
    assert len(files) == 2
    for file in files:
        (ours / file).write_text("changed later")
        assert (read / file).read_text() == "changed later"


def test_jupyter_settings_of_the_users_own_stay(environment):
    own = environment / ".venv" / "etc" / "jupyter" / "jupyter_server_config.py"
    own.parent.mkdir(parents=True)
    own.write_text("c.ServerApp.port = 9999\n")
    assert "jupyter_server_config.py is not the project's and stays" in set_up_lab(environment)
    assert own.read_text() == "c.ServerApp.port = 9999\n"
    assert not own.is_symlink()
    assert (own.parent / "labconfig" / "default_setting_overrides.json").is_symlink()
