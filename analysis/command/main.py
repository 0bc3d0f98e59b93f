"""The command ``whichway``: one file for each of its commands. What does the work is imported when it is needed."""

import click

from whichway.analysis.command.animate import animate
from whichway.analysis.command.barycenter import barycenter
from whichway.analysis.command.challenge import challenge
from whichway.analysis.command.compare import compare
from whichway.analysis.command.distances import distances
from whichway.analysis.command.explore import explore
from whichway.analysis.command.invariance import invariance
from whichway.analysis.command.invert import invert
from whichway.analysis.command.map import map_prompts
from whichway.analysis.command.methods import methods
from whichway.analysis.command.plugins import CommandsWithPlugins
from whichway.analysis.command.redo import redo
from whichway.analysis.command.robustness import robustness
from whichway.analysis.command.sensitivity import sensitivity
from whichway.analysis.command.study import study


@click.group(
    cls=CommandsWithPlugins,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100},
)
@click.version_option(package_name="whichway")
def main() -> None:
    """The geometry of prompt embeddings: which way from B to A?"""


for command in (
    compare,
    animate,
    explore,
    redo,
    invariance,
    barycenter,
    map_prompts,
    distances,
    sensitivity,
    invert,
    study,
    challenge,
    robustness,
    methods,
):
    main.add_command(command)
