"""geodesics/sensitivity.json → prompts whose tokens are coloured by how much they move the image."""

from matplotlib.figure import Figure

from figures.saved import HERE
from whichway.analysis.runs.sensitivity import draw_saved_sensitivity


def draw() -> Figure:
    return draw_saved_sensitivity(HERE / "geodesics" / "sensitivity.json")
