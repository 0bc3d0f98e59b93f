"""triangle/ → images between three prompts: their barycenters."""

from matplotlib.figure import Figure

from figures.saved import TRIANGLE
from whichway.analysis.runs.barycenters import draw_saved_barycenters


def draw() -> Figure:
    return draw_saved_barycenters(TRIANGLE)
