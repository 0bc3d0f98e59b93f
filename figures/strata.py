"""study/ → PPL by similarity of the prompts."""

from matplotlib.figure import Figure

from figures.saved import perceptual_distance, study_results
from whichway.analysis.pictures.study import draw_strata


def draw() -> Figure | None:
    return draw_strata(study_results(), perceptual_distance(), "identity")
