"""``import whichway``: light, typed, and never mistaken for a file of the user's own."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import whichway

ROOT = Path(__file__).parent.parent


def run_python(code: str, folder: Path) -> str:
    """What Python prints that was started in ``folder``, as a notebook's kernel is."""
    finished = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


def test_importing_it_loads_nothing_heavy(tmp_path):
    heavy = ("torch", "diffusers", "transformers", "matplotlib", "numpy")
    code = f"import sys, whichway, whichway.analysis; print([name for name in {heavy} if name in sys.modules])"
    assert run_python(code, tmp_path) == "[]"


@pytest.mark.parametrize("name", ["geometry", "analysis", "miniature"])
def test_a_users_file_of_the_same_name_is_in_nobodys_way(tmp_path, name):
    (tmp_path / f"{name}.py").write_text("raise ImportError('this is the file beside the notebook')")
    code = f"import whichway.{name} as ours; from whichway import Sampling; print(ours.__file__)"
    assert Path(run_python(code, tmp_path)).name == "__init__.py"


@pytest.mark.parametrize("module", ["whichway", "whichway.analysis"])
def test_the_names_that_the_stub_types_are_those_that_are_there(module):
    package = importlib.import_module(module)
    stub = Path(package.__file__).with_suffix(".pyi")
    typed = [
        alias.asname
        for node in ast.parse(stub.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    assert sorted(package.__all__) == sorted(typed)
    for name in typed:
        assert getattr(package, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="load_modle"):
        _ = whichway.load_modle
