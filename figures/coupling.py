"""demo/ → which token of A travels to which token of B."""

from matplotlib.figure import Figure

from figures.saved import demo
from whichway.analysis.pictures.coupling import draw_couplings


def draw() -> Figure:
    start, end = demo().ends
    return draw_couplings(demo().rendered.couplings, start.clouds, end.clouds)
