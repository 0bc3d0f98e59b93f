"""triangle/ → images between three prompts: their barycenters."""

from matplotlib.figure import Figure

from analysis.simplex import draw_saved_simplex
from figures.saved import TRIANGLE


def draw() -> Figure:
    return draw_saved_simplex(TRIANGLE)
