"""The style that all pictures share: a colour-blind-safe palette in which a method always has the same colour."""

from pathlib import Path as UserPath
from textwrap import fill, shorten

import numpy as np
from jaxtyping import Float
from matplotlib import rcParams
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path

from whichway.analysis.errors import UserError
from whichway.analysis.files import require_writable
from whichway.analysis.pictures.fonts import drawable, use_all_fonts
from whichway.analysis.pictures.unlisted_methods import unlisted_style
from whichway.geometry import COUPLINGS

#: after Okabe & Ito (2008); each has a contrast of at least 3:1 on white and on :data:`DARK`, which a test computes
METHOD_COLOURS = {
    "identity": "#CC7A00",
    "random": "#808080",
    "optimal": "#0072B2",
    "slerp": "#009E73",
    "spherical": "#3A9AD0",
    "entropic": "#D9480F",
    "partial": "#8C6D1F",
    "unbalanced": "#9150C0",
    "mixture": "#C8619B",
    "geodesic": "#C2183F",
    "geodesic-mixture": "#EC4FA8",
    "aid-inner": "#647A8C",
    "aid-outer": "#A85432",
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
DARK = "#121212"  # a dark page, such as JupyterLab's
DPI = 150
SUFFIXES = (".png", ".pdf", ".svg", ".jpg", ".webp")


def new_figure(width: float, height: float, *, dpi: float = DPI) -> Figure:
    """A figure in inches, outside pyplot's global state, laid out without overlaps; its PDF has real fonts in it."""
    use_all_fonts()
    rcParams["pdf.fonttype"] = 42  # TrueType: Type 3, the default, is refused by journals
    return Figure(figsize=(width, height), dpi=dpi, layout="constrained")


def require_picture(path: UserPath) -> None:
    """Complain before the work that is to be drawn, not after it. Missing folders are made.

    Raises:
        UserError: a name that no picture has, or a place where nothing can be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"picture: wanted a name that ends in {', '.join(SUFFIXES)}, got {str(path)!r}")
    require_writable(path)


def contrast(one: str, other: str) -> float:
    """Of two colours, from 1 to 21: (L + 0.05) / (l + 0.05) of their relative luminances (WCAG 2.2)."""
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in to_rgb(colour)]
    return sum(share * value for share, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


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


def marker_outline(method: str) -> str:
    """A method's marker as the ``d`` of an SVG path, about 1 wide around the origin, for pages that draw with SVG."""
    style = MarkerStyle(marker(method))
    outline = style.get_path().transformed(style.get_transform())
    letters = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}
    drawn = [
        letters[code] + ("" if code == Path.CLOSEPOLY else _coordinates(points))
        for points, code in outline.iter_segments(curves=True, simplify=False)
    ]
    return "".join(drawn)


def _coordinates(points: Float[np.ndarray, " numbers"]) -> str:
    """x and y in turn; SVG's y points down."""
    return " ".join(f"{-value if place % 2 else value:.3f}" for place, value in enumerate(points))


def quoted(prompt: str, width: int) -> str:
    """A prompt as it may stand in a figure: :func:`literal`, at most 160 characters, wrapped."""
    return literal(fill(f"“{shorten(drawable(_cut(prompt)), 160, placeholder=' …')}”", width))


def fill_lines(text: str, width: int) -> str:
    """Each line of the text wrapped for itself."""
    return "\n".join(fill(line, width) for line in text.split("\n"))


def literal(text: str) -> str:
    """Text of a user's that stands in a figure as it is: dollar signs are no mathematics, and every character is drawn.

    Of text that is literal already: something else. Whoever takes text for a figure says whether it has to be.
    """
    return drawable(text).replace("$", r"\$")


def _cut(prompt: str) -> str:
    """The beginning of a long text, words or not: ``shorten`` leaves nothing of a single word that is too long."""
    words = " ".join(prompt[:1000].split())
    return words if len(words) <= 160 or " " in words[:150] else f"{words[:150]} …"
