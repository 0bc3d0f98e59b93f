"""census.json → which denoisers of diffusers see their text as a measure?"""

from matplotlib.figure import Figure

from analysis.pictures.census import draw_census
from figures.saved import records


def draw() -> Figure:
    return draw_census(records("census"))
