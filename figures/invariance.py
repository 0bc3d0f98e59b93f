"""invariance.json → how much the embedded model's output depends on the order of the rows."""

from matplotlib.figure import Figure

from figures.saved import records
from whichway.analysis.pictures.invariance import draw_invariance


def draw() -> Figure:
    return draw_invariance(records("invariance"))
