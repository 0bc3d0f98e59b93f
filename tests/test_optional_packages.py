"""The line that says how to install what is missing can be pasted, in a clone too."""

import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from whichway.analysis import optional_packages
from whichway.analysis.command.main import main
from whichway.analysis.optional_packages import how_to_install, packages_of


@pytest.mark.parametrize(
    ("extra", "packages"), [("video", {"imageio-ffmpeg"}), ("lab", {"imageio-ffmpeg", "jupyterlab", "anywidget"})]
)
def test_packages_are_those_of_the_extra_and_of_extras_in_it(extra, packages):
    named = packages_of(extra)
    assert packages <= {package.partition(">=")[0] for package in named}
    assert not any("whichway" in package for package in named)


def test_the_command_is_of_this_python_and_survives_a_shell():
    python, *rest = shlex.split(how_to_install("video"))
    assert Path(python).absolute() == Path(sys.executable)
    assert rest[:3] == ["-m", "pip", "install"]
    assert ">" in rest[3]  # quoted: a shell would write a file
    assert subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def test_an_environment_that_is_not_active_is_called_as_from_here(monkeypatch, tmp_path):
    python = tmp_path / "my clone" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.chdir(python.parents[2])
    assert how_to_install("video").startswith(".venv/bin/python -m pip install ")
    monkeypatch.chdir("/")
    assert shlex.split(how_to_install("video"))[0] == str(python)


def test_a_checkout_that_was_never_installed_names_the_extra(monkeypatch):
    def none(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(optional_packages, "requires", none)
    assert packages_of("video") == ["whichway[video]"]


def test_a_film_that_cannot_be_written_is_refused_before_the_model_is_loaded(monkeypatch, tmp_path):
    from click.testing import CliRunner

    from whichway.analysis.models.choice import ModelChoice

    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.setattr(ModelChoice, "load", lambda *_: pytest.fail("the model is loaded first"))
    result = CliRunner().invoke(main, ["animate", "a fox", "a panda", str(tmp_path / "film.mp4")])
    assert result.exit_code == 2
    assert "pip install" in result.output
    assert result.output.count("\n") == 1
