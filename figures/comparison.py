"""study/ → which way is smoother, over all pairs."""

from matplotlib.figure import Figure

from analysis.pictures.study import draw_comparison
from figures.saved import METRIC, study_results


def draw() -> Figure:
    return draw_comparison(study_results(), METRIC, "identity")
