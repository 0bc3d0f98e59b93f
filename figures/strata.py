"""study/ → PPL by similarity of the prompts."""

from matplotlib.figure import Figure

from analysis.pictures.study import draw_strata
from figures.saved import METRIC, study_results


def draw() -> Figure | None:
    return draw_strata(study_results(), METRIC, "identity")
