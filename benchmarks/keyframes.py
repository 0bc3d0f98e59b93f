"""How smooth is a film at its prompts? ``python -m benchmarks.keyframes``, a few minutes.

Triples of prompts of the miniature's world, the middle one a keyframe; the perceptual acceleration there, of piecewise
geodesics, of transport splines and of Euclidean splines (of matrices, row by row).
"""

import click
import numpy as np
from rich.console import Console
from rich.table import Table
from tqdm.auto import tqdm

from whichway import Sampling, choose_method, load_model, world_pairs
from whichway.analysis.paths.film_path import FilmPath
from whichway.analysis.paths.keyframes import join_keyframes
from whichway.analysis.prompts.pairs import SIMILARITY
from whichway.analysis.smoothness.acceleration import perceptual_acceleration
from whichway.analysis.statistics.estimates import estimate_means

#: title → method, interpolation
WAYS = {
    "linear (piecewise geodesics)": ("optimal", "linear"),
    "linear, matrices": ("identity", "linear"),
    "transport spline": ("optimal", "spline"),
    "Euclidean spline": ("identity", "spline"),
}


@click.command(context_settings={"show_default": True})
@click.option("--triples", default=20)
@click.option("--steps", default=25, help="Sampling steps for each image.")
@click.option("--h", "step", default=0.125, help="Of the second difference, in legs.")
def main(triples: int, steps: int, step: float) -> None:
    """Perceptual acceleration at the middle prompt, and its ratio to that of piecewise geodesics."""
    model, sampling = load_model(), Sampling(num_inference_steps=steps)
    pairs = world_pairs(2 * triples, strata=SIMILARITY).pairs
    measured = []
    for first, second in tqdm([*zip(pairs[::2], pairs[1::2], strict=True)], desc="triples"):
        keyframes = model.encode([first.prompt_a, first.prompt_b, second.prompt_a])
        accelerations = []
        for name, interpolation in WAYS.values():
            legs = join_keyframes(
                name, choose_method(name), keyframes, (0.0, 1.0, 2.0), interpolation=interpolation, model=model
            )
            path = FilmPath(legs)
            frames = model.render([path(1 - step), path(1.0), path(1 + step)], sampling)
            accelerations.append(perceptual_acceleration(frames, step))
        measured.append(accelerations)
    logs = np.log(np.array(measured))
    means, ratios = estimate_means(logs), estimate_means(logs - logs[:, :1])
    title = f"perceptual acceleration (√LPIPS per leg²) at the middle of {triples} triples, {steps} steps, h = {step:g}"
    table = Table("", "geometric mean", "ratio to linear", title=title)
    for way, mean, ratio in zip(WAYS, means, ratios, strict=True):
        table.add_row(way, *(_with_interval(each) for each in (mean, ratio)))
    Console().print(table)


def _with_interval(estimate) -> str:
    """Of a mean of logarithms: the geometric mean."""
    value = f"{np.exp(estimate.value):.3g}"
    if estimate.low is None:
        return value
    return f"{value} ({np.exp(estimate.low):.3g}–{np.exp(estimate.high):.3g})"


if __name__ == "__main__":
    main()
