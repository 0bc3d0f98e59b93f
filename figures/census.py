"""census.json → which denoisers of diffusers see their text as a measure?"""

from matplotlib.figure import Figure

from figures.saved import records
from whichway.analysis.pictures.census import draw_census


def draw() -> Figure:
    return draw_census(records("census"))
