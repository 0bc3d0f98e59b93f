"""study/ → geometric length against perceptual path length, over pairs."""

from matplotlib.figure import Figure

from figures.saved import differing_results, differing_steps, perceptual_distance
from whichway.analysis.pictures.study import draw_geometry


def draw() -> Figure:
    return draw_geometry(differing_results(), differing_steps(), perceptual_distance())
