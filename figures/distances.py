"""study/ → W_2 against Frobenius over the study's prompt pairs."""

from matplotlib.figure import Figure

from figures.saved import study_results
from whichway.analysis.pictures.study import draw_distances


def draw() -> Figure:
    return draw_distances(study_results())
