"""study/ → what geometric length says of looks, over pairs."""

from matplotlib.figure import Figure

from figures.saved import perceptual_distance, study_results, study_steps
from whichway.analysis.pictures.study import draw_geometry


def draw() -> Figure:
    return draw_geometry(study_results(), study_steps(), perceptual_distance())
