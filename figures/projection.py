"""demo/ → the paths on a plane, in both views."""

from matplotlib.figure import Figure

from figures.saved import demo
from whichway.analysis.pictures import draw_projection


def draw() -> Figure:
    return draw_projection(demo().clouds, demo().ends[0], method=demo().settings.projection, frames=demo().walk.frames)
