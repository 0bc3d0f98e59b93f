"""geodesics/fox, boat, scene → the straight line, optimal transport and the geodesic of three pairs, with energies."""

from matplotlib.figure import Figure

from figures.saved import HERE
from whichway.analysis.pictures.geodesics import PairOfStrips, draw_geodesics
from whichway.analysis.runs.saved_comparison import SavedComparison, read_comparison

PAIRS = ("fox", "boat", "scene")


def draw() -> Figure:
    saved = [read_comparison(HERE / "geodesics" / name) for name in PAIRS]
    return draw_geodesics([_strips(each) for each in saved], saved[0].settings.perceptual_distance)


def _strips(saved: SavedComparison) -> PairOfStrips:
    energies = {name: result.smoothness.energy for name, result in saved.results.items()}
    return PairOfStrips(saved.settings.prompt_a, saved.settings.prompt_b, saved.rendered.frames, energies)
