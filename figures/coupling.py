"""demo/ → which token of A travels to which token of B."""

from matplotlib.figure import Figure

from figures.saved import demo
from whichway.analysis.pictures import draw_coupling


def draw() -> Figure:
    couplings = {name: path.coupling for name, path in demo().walk.paths.items() if hasattr(path, "coupling")}
    return draw_coupling(couplings, *demo().ends)
