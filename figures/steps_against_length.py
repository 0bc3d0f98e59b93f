"""study/ → geometric against perceptual length, of single steps and of whole paths."""

from matplotlib.figure import Figure

from figures.saved import differing_results, differing_steps, perceptual_distance
from whichway.analysis.pictures.study import draw_steps_against_length


def draw() -> Figure:
    return draw_steps_against_length(differing_results(), differing_steps(), perceptual_distance())
