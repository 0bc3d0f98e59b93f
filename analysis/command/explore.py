"""``whichway explore``"""

from typing import Any

import click

from whichway.analysis.command.options import (
    matching_options,
    model_options,
    names,
    parametrisation_option,
    pooled_option,
    sampling_options,
)
from whichway.analysis.command.outcome import ends_in_one_line
from whichway.analysis.geodesics.settings import GeodesicSettings


@click.command()
@ends_in_one_line("Finished frames are kept.")
@click.argument("prompts", nargs=-1, metavar="[PROMPT …]")
@click.option("--methods", default="optimal,identity", help="One, or two side by side, separated by a comma.")
@click.option("--frames", default=17, help="From one prompt to the next, both ends counted.")
@matching_options
@parametrisation_option("uniform")
@pooled_option
@click.option(
    "--geodesic-iterations",
    default=GeodesicSettings.iterations,
    help="Of the method geodesic, from prompt to prompt, at most.",
)
@sampling_options()
@model_options()
@click.option("--port", default=0, help="On this machine alone; 0: one that is free.")
@click.option("--theme", default="system", type=click.Choice(["system", "light", "dark"]), help="Of the page.")
@click.option("--browser/--no-browser", default=True, help="Open the page; its address is printed in any case.")
def explore(prompts: tuple[str, ...], methods: str, port: int, theme: str, browser: bool, **settings: Any) -> None:
    """Look at the paths between prompts in the browser, while they are rendered; prompts can be typed there, too.

    The page can be reached from this machine alone, and only with the token in its address. Ctrl-C ends it.
    """
    from whichway.analysis.explorer.browser import explore as serve
    from whichway.analysis.explorer.settings import ExplorerSettings

    chosen = prompts or ("a large fox on a blue background", "a panda on a pink background")
    serve(
        ExplorerSettings(chosen, methods=names("methods", methods), **settings),
        port=port,
        theme=theme,
        browser=browser,
        report=click.echo,
    )
