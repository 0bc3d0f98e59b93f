"""study/ → film strips of the pair on which the optimal method does as well as on half of them."""

from matplotlib.figure import Figure

from analysis.report import draw_study_strip
from figures.saved import STUDY


def draw() -> Figure:
    return draw_study_strip(STUDY, "median")
