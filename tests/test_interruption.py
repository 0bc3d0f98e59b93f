"""Ctrl-C and SIGTERM: one line, the shell's exit status, whatever a library makes of the exception."""

import signal
import subprocess
import sys

import pytest

COMMAND = """
import os, signal, sys, time
import click
from whichway.analysis.command.outcome import ends_in_one_line

@click.command()
@ends_in_one_line("Finished frames are kept.")
def render():
    fragile = Fragile()
    try:
        if "--lost" in sys.argv:
            lose()
        print("begun", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        if "--library" in sys.argv:
            raise RuntimeError("what a library makes of it") from None
        if "--slow" in sys.argv:
            print("putting away", flush=True)
            time.sleep(60)
        raise
    finally:
        if "--tidy" in sys.argv:
            time.sleep(1)
            print("tidy", flush=True)

class Fragile:
    # compiled code that was interrupted: it does not survive being taken apart
    def __del__(self):
        if "--fragile" in sys.argv:
            os.kill(os.getpid(), signal.SIGSEGV)

def lose():
    # an exception in a destructor is lost, as in compiled code that forgets its errors
    class Loses:
        def __del__(self):
            print("begun", flush=True)
            time.sleep(1)
    Loses()
    time.sleep(60)

render(args=[])
"""


def interrupted(number, *options, times=1, output=False):
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        for _ in range(times):
            process.stdout.readline()
            process.send_signal(number)
        printed, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    return (process.returncode, errors, printed) if output else (process.returncode, errors)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("options", [(), ("--library",)])
def test_a_signal_is_one_line_and_an_exit_status(number, status, options):
    assert interrupted(number, *options) == (status, "\nInterrupted. Finished frames are kept.\n")


def test_a_signal_is_heeded_though_its_exception_is_lost():
    assert interrupted(signal.SIGTERM, "--lost") == (143, "\nInterrupted. Finished frames are kept.\n")


def test_what_was_interrupted_is_not_taken_apart():
    assert interrupted(signal.SIGTERM, "--fragile") == (143, "\nInterrupted. Finished frames are kept.\n")


def test_what_is_put_away_meanwhile_is_put_away():
    status, errors, output = interrupted(signal.SIGTERM, "--tidy", output=True)
    assert (status, errors) == (143, "\nInterrupted. Finished frames are kept.\n")
    assert output == "tidy\n"


def test_a_second_signal_does_not_wait():
    assert interrupted(signal.SIGTERM, "--slow", times=2) == (143, "\nInterrupted. Finished frames are kept.\n")
