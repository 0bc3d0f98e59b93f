"""How much of a jump is noise? ``python -m benchmarks.travelling_noise``, a few minutes.

Pairs of prompts of the miniature's world and two seeds: the text goes from A to B under the first seed's noise; the
noise travels on its great circle under A's text; both at once. The same yardsticks for all three.
"""

import click
import numpy as np
from rich.console import Console
from rich.table import Table
from tqdm.auto import tqdm

from whichway import Sampling, choose_method, load_model, measure_smoothness, measure_steps, world_pairs
from whichway.analysis.images.travelling_noise import NoisePoint, with_noise
from whichway.analysis.paths.conditioning_path import join
from whichway.analysis.prompts.pairs import SIMILARITY
from whichway.analysis.statistics.estimates import Estimate, estimate_means
from whichway.geometry import uniform_times

YARDSTICKS = ("ppl", "gini", "worst_step")


@click.command(context_settings={"show_default": True})
@click.option("--pairs", "count", default=20)
@click.option("--frames", default=7)
@click.option("--method", default="optimal")
def main(count: int, frames: int, method: str) -> None:
    """Smoothness (LPIPS) of the text's path, the noise's and both, and the ratio of path lengths to the text's."""
    model, times = load_model(), uniform_times(frames)
    measured = []
    for number, pair in enumerate(tqdm(world_pairs(count, strata=SIMILARITY).pairs, desc="pairs")):
        start, end = model.encode([pair.prompt_a, pair.prompt_b])
        path = join(method, choose_method(method), start, end, model=model, seed=0)
        seeds = 2 * number, 2 * number + 1
        ways = {
            "text": [with_noise(path(t), NoisePoint(*seeds)) for t in times],
            "noise": [with_noise(start, NoisePoint(*seeds, t)) for t in times],
            "both": [with_noise(path(t), NoisePoint(*seeds, t)) for t in times],
        }
        smoothness = [
            measure_smoothness(measure_steps(model.render(way, Sampling()), "lpips")) for way in ways.values()
        ]
        measured.append([[getattr(each, name) for name in YARDSTICKS] for each in smoothness])
    values = np.array(measured)
    lengths = np.log(values[:, :, 0])
    ratios = estimate_means(lengths - lengths[:, :1])
    title = f"{count} pairs, {frames} frames, LPIPS, method {method}: means over pairs, 95 % intervals"
    table = Table("what travels", *YARDSTICKS, "PPL / the text's", title=title)
    for way, name in enumerate(("text", "noise", "both")):
        means = estimate_means(values[:, way])
        table.add_row(name, *map(str, means), _as_ratio(ratios[way]))
    Console().print(table)


def _as_ratio(estimate: Estimate) -> str:
    """Of a mean of logarithms."""
    ends = "" if estimate.low is None else f" ({np.exp(estimate.low):.2f} to {np.exp(estimate.high):.2f})"
    return f"{np.exp(estimate.value):.2f}{ends}"


if __name__ == "__main__":
    main()
