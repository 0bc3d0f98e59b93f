"""What a command says stands on lines of its own, and holds nothing that a terminal would obey."""

import subprocess
import sys
import warnings

import click
import pytest
from click.testing import CliRunner

from whichway.analysis.command.main import main
from whichway.analysis.command.outcome import ends_in_one_line, in_one_line, say
from whichway.analysis.errors import UserError

COMMAND = """
import sys, warnings
import click
from tqdm.auto import tqdm
from whichway.analysis.command.outcome import ends_in_one_line, say
from whichway.analysis.errors import UserError

def frames():
    for frame in tqdm(range(3), "frames", file=sys.stderr, mininterval=0):
        yield frame

@click.command()
@ends_in_one_line("Nothing.")
def render():
    for frame in frames():
        if frame == 1:
            warnings.warn("a word is cut off")
            say("half of it")
            raise UserError("no more")

render(args=[])
"""


def test_no_line_is_glued_to_a_progress_bar():
    ended = subprocess.run([sys.executable, "-c", COMMAND], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    lines = ended.stderr.replace("\r", "\n").split("\n")  # a bar draws itself again from the beginning of its line
    assert "frames:" in ended.stderr
    assert [line for line in lines if "frames" not in line and line.strip()] == [
        "Warning: a word is cut off",
        "half of it",
        "Error: no more",
    ]
    assert ended.stderr.endswith("\nError: no more\n")


OBEYED = ["\x1b[31mred\x1b[0m", "two\nlines", "\x9b31m", "turned \u202e round", "\u2028", "\udcff"]


@pytest.mark.parametrize("text", OBEYED)
def test_what_a_terminal_would_obey_is_made_visible(text):
    shown = in_one_line(text)
    assert shown.isprintable()
    assert shown.encode().decode("unicode_escape") == text


def test_texts_of_all_scripts_are_shown_as_they_are():
    for text in ("a fox", "狐狸と🦊", "👩\u200d🎨", "x\u00a0y", "ein Bär", "لون"):
        assert in_one_line(text) == text


def test_no_message_of_a_command_has_escape_characters():
    @click.command()
    @ends_in_one_line("Nothing.")
    def refuse():
        say("loading \x1b[31mred")
        warnings.warn("of \x1b[31mred", stacklevel=1)
        raise UserError("no \x1b[31mred")

    result = CliRunner().invoke(refuse)
    assert "\x1b" not in result.stderr
    assert result.stderr.splitlines() == [
        r"loading \x1b[31mred",
        r"Warning: of \x1b[31mred",
        r"Error: no \x1b[31mred",
    ]
    for arguments in (["robustness", "x", "--\x1b[31m"], ["methods", "\x1b[31mred"], ["\x1b[31mred"]):
        result = CliRunner().invoke(main, arguments, color=True)
        assert result.exit_code == 2
        assert "\x1b" not in result.stderr
        assert r"\x1b[31m" in result.stderr
