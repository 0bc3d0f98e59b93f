"""study/ → which method is smoother, over all pairs."""

from matplotlib.figure import Figure

from figures.saved import METRIC, study_results
from whichway.analysis.pictures.study import draw_comparison


def draw() -> Figure:
    return draw_comparison(study_results(), METRIC, "identity")
