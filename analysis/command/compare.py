"""``whichway compare``"""

import sys
from pathlib import Path
from typing import Any

import click

from whichway.analysis.command.options import (
    geodesic_options,
    matching_options,
    model_options,
    names,
    negative_end_option,
    out_option,
    parametrisation_option,
    pooled_option,
    sampling_options,
)
from whichway.analysis.command.outcome import FAILED_CHECK, ends_in_one_line, say
from whichway.analysis.command.plugins import RegisteredChoice
from whichway.analysis.vocabulary import PROJECTIONS


@click.command()
@ends_in_one_line("Finished frames are kept; the same command continues.")
@click.argument("prompt_a", metavar="PROMPT_A")
@click.argument("prompt_b", metavar="PROMPT_B")
@click.option(
    "--methods",
    default="identity,random,optimal,slerp",
    help="Separated by commas; 'whichway methods' lists them. An @ adds a choice: optimal@cosine.",
)
@matching_options
@parametrisation_option("uniform")
@pooled_option
@negative_end_option
@click.option("--frames", default=9, help="Images along each path, at least 2.")
@click.option("--projection", default="pca", type=RegisteredChoice(PROJECTIONS), help="Of the paths on a plane.")
@sampling_options()
@geodesic_options
@model_options()
@out_option()
def compare(prompt_a: str, prompt_b: str, methods: str, out: Path | None, **settings: Any) -> None:
    """Go from PROMPT_A to PROMPT_B by several methods, render and measure the paths, and draw them.

    A prompt may be @photo.png, a photograph ('whichway invert').

    Everything lands in one folder: frames, film strips, perceptual steps, projections, couplings, metrics. Frames that
    are there already are reused, so an interrupted run is continued by the same command.

    Exit status 0: every path ends in the image of PROMPT_B, as it must. 1: one does not. 2: it could not run.
    """
    from whichway.analysis.command.tables import show_comparison
    from whichway.analysis.runs.comparison import compare as run
    from whichway.analysis.runs.comparison_settings import ComparisonSettings

    requested = ComparisonSettings(prompt_a, prompt_b, methods=names("methods", methods), **settings)
    comparison = run(requested, out=out, report=say)
    show_comparison(comparison)
    sys.exit(0 if comparison.endpoint_check.passed else FAILED_CHECK)
