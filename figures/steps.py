"""demo/ → the perceptual distance of consecutive frames."""

from matplotlib.figure import Figure

from figures.saved import demo
from whichway.analysis.pictures.steps import draw_steps


def draw() -> Figure:
    results = demo().results
    steps = {name: result.steps for name, result in results.items()}
    smoothness = {name: result.smoothness for name, result in results.items()}
    return draw_steps(steps, smoothness, demo().rendered.times, demo().settings.perceptual_distance)
