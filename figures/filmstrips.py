"""demo/ → film strips of four ways from a fox to a panda."""

from matplotlib.figure import Figure

from figures.saved import demo
from whichway.analysis.pictures import draw_filmstrips


def draw() -> Figure:
    walk, settings = demo().walk, demo().settings
    return draw_filmstrips(walk.frames, walk.times, settings.prompt_a, settings.prompt_b)
