"""The wheel in an empty environment, as one without the repository has it: ``make test-wheel``; minutes, 2 GB."""

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import copy2

import pytest

pytestmark = pytest.mark.wheel
ROOT = Path(__file__).parent.parent
A, B = "a large fox on a blue background", "a panda on a pink background"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs a program of the environment, in a folder that has nothing of the repository."""
    (wheel,) = (ROOT / "dist").glob("whichway-*.whl")
    folder = tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}

    def program(name: str, *arguments: object, exit_code: int = 0) -> str:
        done = subprocess.run(
            [str(folder / "venv" / "bin" / name), *map(str, arguments)],
            cwd=folder,
            env=environment | {"HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == exit_code, done.stdout + done.stderr
        return done.stdout + done.stderr

    constraints = ("--constraint", ROOT / "constraints.txt")
    program("python", "-m", "pip", "install", "--quiet", *constraints, wheel)
    program.folder = folder  # type: ignore[attr-defined]
    program.wheel = wheel  # type: ignore[attr-defined]
    return program


def test_it_says_its_version(run):
    assert "whichway, version " in run("whichway", "--version")


def test_a_film_as_mp4_is_refused_with_a_line_that_installs_what_is_missing(run):
    told = run("whichway", "animate", A, B, "film.mp4", exit_code=2)
    command = told.partition("install it with: ")[2].partition(", or choose")[0]
    assert command.startswith("venv/bin/python -m pip install ")
    subprocess.run(["bash", "-c", f"{command} --quiet"], cwd=run.folder, check=True)
    run("whichway", "animate", A, B, "film.mp4", "--frames", "3", "--steps", "2", "--parametrisation", "uniform")
    assert (run.folder / "film.mp4").stat().st_size > 1000


def test_the_demo_runs(run):
    assert "every path ends in the image of B" in run("whichway", "compare", A, B, "--frames", "4", "--out", "demo")
    assert {"filmstrips.png", "coupling.png"} <= {path.name for path in (run.folder / "demo").iterdir()}


def test_the_model_is_invariant(run):
    checked = ("--levels", "layers,denoiser", "--dtypes", "float32", "--json", "records.json")
    assert "holds at every level checked" in run("whichway", "invariance", *checked)
    assert len(json.loads((run.folder / "records.json").read_text())) > 3


def test_a_notebook_runs_from_beginning_to_end(run):
    run("python", "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", f"{run.wheel}[lab]")
    copy2(ROOT / "notebooks" / "02_two_distances.ipynb", run.folder)
    run("jupyter", "execute", "02_two_distances.ipynb", "--inplace")
    cells = json.loads((run.folder / "02_two_distances.ipynb").read_text())["cells"]
    assert any(cell.get("outputs") for cell in cells)
