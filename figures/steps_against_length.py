"""study/ → geometric against perceptual length, of single steps and of whole paths."""

from matplotlib.figure import Figure

from figures.saved import perceptual_distance, study_results, study_steps
from whichway.analysis.pictures.study import draw_steps_against_length


def draw() -> Figure:
    return draw_steps_against_length(study_results(), study_steps(), perceptual_distance())
