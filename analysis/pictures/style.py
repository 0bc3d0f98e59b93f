"""The style that all pictures share: a colour-blind-safe palette in which a method always has the same colour."""

from textwrap import fill, shorten

from matplotlib import rcParams
from matplotlib.figure import Figure

from whichway.analysis.pictures.unlisted_methods import unlisted_style
from whichway.geometry import COUPLINGS

#: Okabe & Ito (2008), and two more that stay apart from theirs in grey
METHOD_COLOURS = {
    "identity": "#E69F00",
    "random": "#999999",
    "optimal": "#0072B2",
    "slerp": "#009E73",
    "spherical": "#56B4E9",
    "entropic": "#D55E00",
    "partial": "#8C6D1F",
    "unbalanced": "#7B3294",
    "mixture": "#CC79A7",
    "geodesic": "#A50026",
    "geodesic-mixture": "#F781BF",
    "aid-inner": "#4D4D4D",
    "aid-outer": "#661100",
}
METHOD_MARKERS = {
    "identity": "o",
    "random": "s",
    "optimal": "D",
    "slerp": "^",
    "spherical": "v",
    "entropic": "P",
    "partial": "X",
    "unbalanced": "h",
    "mixture": "*",
    "geodesic": "p",
    "geodesic-mixture": "8",
    "aid-inner": "<",
    "aid-outer": ">",
}
DPI = 150


def new_figure(width: float, height: float) -> Figure:
    """A figure in inches, outside pyplot's global state, laid out without overlaps; its PDF has real fonts in it."""
    rcParams["pdf.fonttype"] = 42  # TrueType: Type 3, the default, is refused by journals
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def colour(method: str) -> str:
    """Of a method, with or without choices after an @; a combination has its path's colour, or else its coupling's.

    Those that are not listed have one of :mod:`whichway.analysis.pictures.unlisted_methods`.
    """
    name = method.partition("@")[0]
    coupling, _, path = name.partition("+")
    if name in METHOD_COLOURS:
        return METHOD_COLOURS[name]
    outside = coupling in COUPLINGS and coupling not in METHOD_COLOURS  # a coupling of a plugin is what is new
    known = (METHOD_COLOURS[part] for part in (path, coupling) if part in METHOD_COLOURS and not outside)
    return next(known, None) or unlisted_style(name, METHOD_COLOURS)[0]


def marker(method: str) -> str:
    """Of a method; with choices after an @ it has the method's colour and another marker."""
    if "@" in method:
        return METHOD_MARKERS.get(method, ".")
    return METHOD_MARKERS.get(method) or unlisted_style(method, METHOD_MARKERS)[1]


def quoted(prompt: str, width: int) -> str:
    """A prompt as it may stand in a figure: at most 160 characters, wrapped, dollar signs no mathematics."""
    return escaped(fill(f"“{shorten(prompt, 160, placeholder=' …')}”", width))


def escaped(text: str) -> str:
    """Text as it may stand in a figure: dollar signs no mathematics."""
    return text.replace("$", r"\$")
