"""How long until ``whichway --help`` is there? ``python -m benchmarks.start_up``"""

import subprocess
import sys
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.timing import interleaved


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@click.command(context_settings={"show_default": True})
@click.option("--rounds", default=5, help="Interleaved repetitions.")
def main(rounds: int) -> None:
    """The command's help, against Python alone and against importing torch."""
    whichway = str(Path(sys.executable).with_name("whichway"))
    actions = {
        "whichway --help": partial(run, whichway, "--help"),
        "floor: python -c pass": partial(run, sys.executable, "-c", "pass"),
        "rival: python -c 'import torch'": partial(run, sys.executable, "-c", "import torch"),
    }
    times = interleaved(actions, rounds)
    table = Table("", "seconds", "× ours", title="start-up")
    for name, value in times.items():
        table.add_row(name, f"{value:.2f}", f"{value / times['whichway --help']:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
