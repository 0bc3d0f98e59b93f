"""study/ → film strips of the pair on which the optimal method does best against identity."""

from matplotlib.figure import Figure

from analysis.report import draw_study_strip
from figures.saved import STUDY


def draw() -> Figure:
    return draw_study_strip(STUDY, "best")
