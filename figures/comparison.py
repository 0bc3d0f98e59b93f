"""study/ → which method is smoother, over all pairs."""

from matplotlib.figure import Figure

from figures.saved import perceptual_distance, study_results
from whichway.analysis.pictures.study import draw_comparison


def draw() -> Figure:
    return draw_comparison(study_results(), perceptual_distance(), "identity")
