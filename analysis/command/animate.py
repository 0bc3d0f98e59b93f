"""``whichway animate``"""

from pathlib import Path
from typing import Any

import click

from whichway.analysis.command.options import (
    matching_options,
    model_options,
    negative_end_option,
    numbers,
    out_option,
    parametrisation_option,
    pooled_option,
    sampling_options,
)
from whichway.analysis.command.outcome import ends_in_one_line, say
from whichway.analysis.vocabulary import INTERPOLATIONS


@click.command()
@ends_in_one_line("Finished frames are kept; the same command continues.")
@click.argument("prompts", nargs=-1, required=True, metavar="PROMPT PROMPT …")
@click.argument("film", metavar="FILM.mp4|.gif|.webp", type=click.Path(path_type=Path))
@click.option("--method", default="optimal", help="'whichway methods' lists them.")
@click.option(
    "--interpolation",
    default="linear",
    type=click.Choice([*INTERPOLATIONS]),
    help="Through more than two prompts: with a kink at each, or smooth.",
)
@click.option("--at", help="When each prompt is reached, in seconds: 0,2,5; with --loop one more, when it is back.")
@click.option("--loop", is_flag=True, help="From the last prompt back to the first.")
@click.option("--seeds", help="Of the noise at each prompt: 0,1,2; with one prompt the noise travels alone.")
@click.option("--separate", is_flag=True, help="With --seeds: how much of the change is noise? Thrice the frames.")
@matching_options
@parametrisation_option("perceptual")
@pooled_option
@negative_end_option
@click.option("--frames", type=int, help="Images along the path.  [default: 25, or what --at and --fps make]")
@click.option("--ease", is_flag=True, help="Slow out of each prompt, and slow into the next.")
@click.option("--fps", default="12", help="Frames a second; 24000/1001 is one, too.")
@click.option("--ping-pong", is_flag=True, help="There and back again.")
@sampling_options()
@model_options()
@out_option("frames")
def animate(
    prompts: tuple[str, ...],
    film: Path,
    fps: str,
    at: str | None,
    seeds: str | None,
    out: Path | None,
    **settings: Any,
) -> None:
    """Make a film of the path from each PROMPT to the next, and a contact sheet beside it.

    A prompt may be @photo.png, a photograph ('whichway invert').

    Without --at the frames are shared among the legs so that all consecutive ones look equally far apart; with it each
    prompt is reached at its time, and frames look evenly far apart in between.
    """
    from whichway.analysis.command.film_table import show_film
    from whichway.analysis.runs.animation import animate as run
    from whichway.analysis.runs.film import parse_fps, require_writable, written_fps
    from whichway.analysis.runs.film_settings import FilmSettings

    rate = parse_fps(fps)
    require_writable(film, rate)
    requested = FilmSettings(
        prompts,
        at=() if at is None else numbers("at", at),
        seeds=() if seeds is None else numbers("seeds", seeds, int),
        fps=rate,
        **settings,
    )
    show_film(run(requested, film, out=out, report=say), requested)
    written = float(written_fps(film.suffix.lower(), rate))
    if abs(written - rate) > 1e-3:
        say(f"{written:g} frames a second, not {rate:g}: a .gif's frame lasts whole hundredths of a second")
