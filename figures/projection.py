"""demo/ → the paths on a plane, in both views."""

from matplotlib.figure import Figure

from figures.saved import demo
from whichway.analysis.pictures.projection import draw_projections


def draw() -> Figure:
    saved = demo()
    return draw_projections(
        saved.rendered.clouds,
        saved.ends[0].clouds,
        method=saved.settings.projection,
        frames=saved.rendered.frames,
    )
