"""study/ → which method is smoother, over the pairs that differ."""

from matplotlib.figure import Figure

from figures.saved import differing_results, perceptual_distance
from whichway.analysis.pictures.study import draw_comparison


def draw() -> Figure:
    return draw_comparison(differing_results(), perceptual_distance(), "identity")
