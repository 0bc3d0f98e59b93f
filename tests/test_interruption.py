"""Ctrl-C and SIGTERM: one line, the shell's exit status, whatever a library makes of the exception."""

import signal
import subprocess
import sys

import pytest

COMMAND = """
import sys, time
import click
from whichway.analysis.command.outcome import ends_in_one_line

@click.command()
@ends_in_one_line("Finished frames are kept.")
def render():
    print("begun", flush=True)
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        if "--library" in sys.argv:
            raise RuntimeError("what a library makes of it") from None
        if "--slow" in sys.argv:
            print("putting away", flush=True)
            time.sleep(60)
        raise

render(args=[])
"""


def interrupted(number, *options, times=1):
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        for _ in range(times):
            process.stdout.readline()
            process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    return process.returncode, errors


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("options", [(), ("--library",)])
def test_a_signal_is_one_line_and_an_exit_status(number, status, options):
    assert interrupted(number, *options) == (status, "\nInterrupted. Finished frames are kept.\n")


def test_a_second_signal_does_not_wait():
    assert interrupted(signal.SIGTERM, "--slow", times=2) == (143, "\nInterrupted. Finished frames are kept.\n")
