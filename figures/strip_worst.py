"""study/ → film strips of the pair on which the optimal method does worst against identity."""

from matplotlib.figure import Figure

from figures.saved import STUDY
from whichway.analysis.study.strips import draw_study_strip


def draw() -> Figure:
    return draw_study_strip(STUDY, "worst")
