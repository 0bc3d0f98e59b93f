"""study/ → the paper's claim, pair by pair and stratum by stratum."""

from matplotlib.figure import Figure

from figures.saved import perceptual_distance, study_results
from whichway.analysis.pictures.study import draw_claim


def draw() -> Figure:
    return draw_claim(study_results(), perceptual_distance(), "optimal", "identity")
