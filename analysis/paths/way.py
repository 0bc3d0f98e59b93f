"""Ways from A to B by name: a method, and beside it what it is matched by and when its frames are taken.

``optimal@cross-attention@own`` is the method "optimal", matched by the cross-attention metric within the prompts' own
tokens. What is not said after an @ is as the defaults say; the choices' names are all different, so order is free.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from whichway.analysis.errors import UserError
from whichway.geometry import TOKENS, find_method

#: ground metric by which rows are matched → what it is
GROUNDS = {
    "euclidean": "‖x − y‖",
    "cosine": "the chord between the rows' directions",
    "cross-attention": "how different the denoiser's keys and values are",
}
PARAMETRISATIONS = {
    "uniform": "evenly in t",
    "constant-speed": "evenly in W_2 along the path, where it has a length in W_2",
    "beta": "at the quantiles of Beta(steps, steps): what AID's authors choose",
    "perceptual": "until consecutive frames look equally far apart",
}
CHOICES: Mapping[str, Mapping[str, str]] = {"ground": GROUNDS, "tokens": TOKENS, "parametrisation": PARAMETRISATIONS}


@dataclass(frozen=True)
class Way:
    """A method (:mod:`whichway.geometry.method`) with its ground metric, its tokens and its parametrisation."""

    method: str
    ground: str = "euclidean"
    tokens: str = "all"
    parametrisation: str = "uniform"


def find_way(name: str, default: Way = Way("optimal")) -> Way:
    """The way called ``name``: "method" or "method@choice@choice…".

    Args:
        default: ground, tokens and parametrisation where the name does not say.

    Raises:
        UserError: an unknown method or choice (the known ones are named), or two choices of one kind.
    """
    method, *said = name.split("@")
    try:
        find_method(method)
    except ValueError as error:
        raise UserError(f"methods: {error}") from error
    chosen = {kind: getattr(default, kind) for kind in CHOICES}
    seen: set[str] = set()
    for choice in said:
        kind = next((kind for kind, known in CHOICES.items() if choice in known), None)
        if kind is None:
            known = ", ".join(choice for choices in CHOICES.values() for choice in choices)
            raise UserError(f"methods: unknown {choice!r} in {name!r}; known after an @: {known}")
        if kind in seen:
            raise UserError(f"methods: {name!r} says its {kind} twice")
        seen.add(kind)
        chosen[kind] = choice
    return Way(method, **chosen)
