"""``whichway animate``"""

from pathlib import Path
from typing import Any

import click

from whichway.analysis.command.options import (
    matching_options,
    model_options,
    out_option,
    parametrisation_option,
    pooled_option,
    sampling_options,
)
from whichway.analysis.command.outcome import ends_in_one_line, say


@click.command()
@ends_in_one_line("Finished frames are kept; the same command continues.")
@click.argument("prompt_a", metavar="PROMPT_A")
@click.argument("prompt_b", metavar="PROMPT_B")
@click.argument("film", metavar="FILM.mp4|.gif|.webp", type=click.Path(path_type=Path))
@click.option("--method", default="optimal", help="'whichway methods' lists them.")
@matching_options
@parametrisation_option("perceptual")
@pooled_option
@click.option("--frames", default=25, help="Images along the path, at least 2.")
@click.option("--fps", default=12.0, help="Frames a second.")
@click.option("--ping-pong", is_flag=True, help="There and back again.")
@sampling_options()
@model_options()
@out_option("frames")
def animate(
    prompt_a: str,
    prompt_b: str,
    film: Path,
    method: str,
    fps: float,
    ping_pong: bool,
    out: Path | None,
    **settings: Any,
) -> None:
    """Make a film of the path from PROMPT_A to PROMPT_B."""
    from whichway.analysis.runs.animation import animate as run
    from whichway.analysis.runs.comparison_settings import ComparisonSettings
    from whichway.analysis.runs.film import written_fps

    requested = ComparisonSettings(prompt_a, prompt_b, methods=(method,), **settings)
    click.echo(run(requested, film, fps=fps, ping_pong=ping_pong, out=out, report=say))
    written = float(written_fps(film.suffix.lower(), fps))
    if abs(written - fps) > 1e-3:
        say(f"{written:g} frames a second, not {fps:g}: a .gif's frame lasts whole hundredths of a second")
