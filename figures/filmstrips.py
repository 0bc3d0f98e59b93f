"""demo/ → film strips of four paths from a fox to a panda."""

from matplotlib.figure import Figure

from figures.saved import demo
from whichway.analysis.pictures.filmstrips import draw_filmstrips


def draw() -> Figure:
    rendered, settings = demo().rendered, demo().settings
    return draw_filmstrips(rendered.frames, rendered.times, settings.prompt_a, settings.prompt_b)
