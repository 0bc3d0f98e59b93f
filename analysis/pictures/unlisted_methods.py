"""A colour and a marker for every method that the tables of :mod:`whichway.analysis.pictures.style` do not list.

Plugins register couplings and paths without a word on how they are drawn. Each gets the next colour and the next
marker of two lists whose lengths have no common divisor, in the order of registration: the first 63 are told apart.
"""

from collections.abc import Container

from whichway.geometry import COUPLINGS, METHODS, PATHS

#: contrast of at least 3:1 on white and on #121212, so that they show on a page of either kind
COLOURS = ("#C2185B", "#00838F", "#A0522D", "#3F6FD8", "#6B8E23", "#9C4DCC", "#C0392B")
MARKERS = ("p", "d", "H", "8", "<", ">", "P", "v", "s")


def unlisted_style(method: str, listed: Container[str]) -> tuple[str, str]:
    """Colour and marker of a method without choices after an @; of a combination, those of its coupling.

    A combination whose coupling is listed, and which is here for its path, has those of the path.

    Args:
        listed: names that have a colour of their own.
    """
    coupling, _, path = method.partition("+")
    name = path if path and coupling in listed else coupling
    unlisted = [known for known in dict.fromkeys([*METHODS, *COUPLINGS, *PATHS]) if known not in listed]
    index = unlisted.index(name) if name in unlisted else len(unlisted)
    turn = index + [*PATHS].index(path) if path in PATHS and name != path else index  # one coupling on many paths
    return COLOURS[index % len(COLOURS)], MARKERS[turn % len(MARKERS)]
