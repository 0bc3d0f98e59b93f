"""keyframes/ → a film through four prompts by transport splines."""

from matplotlib.figure import Figure

from figures.saved import KEYFRAMES
from whichway.analysis.runs.animation import draw_saved_film


def draw() -> Figure:
    return draw_saved_film(KEYFRAMES, columns=10, side=1.05)
