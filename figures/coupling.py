"""demo/ → which token of A travels to which token of B."""

from matplotlib.figure import Figure

from figures.saved import demo
from whichway.analysis.pictures.coupling import draw_coupling


def draw() -> Figure:
    paths = {name: path.cloud for name, path in demo().rendered.paths.items()}
    couplings = {name: path.coupling for name, path in paths.items() if hasattr(path, "coupling")}
    return draw_coupling(couplings, *demo().ends)
