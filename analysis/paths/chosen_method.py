"""Methods by name, with the choices that go with them: what rows are matched by, how a pooled vector moves, and when
frames are taken.

``optimal@cross-attention@own`` is the method "optimal", matched by the cross-attention metric within the prompts' own
tokens. Choices that a name leaves out are the defaults; no two choices share a name, so their order is free.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from whichway.analysis.errors import UserError
from whichway.analysis.vocabulary import FREE, GROUNDS, PARAMETRISATIONS, PENALTIES, POOLED, TOKENS
from whichway.geometry import PATHS, find_method

#: kind of choice → its values; these are choices of every method, and settings of every command that takes one
GENERAL_CHOICES: Mapping[str, Mapping[str, str]] = {
    "ground": GROUNDS,
    "tokens": TOKENS,
    "parametrisation": PARAMETRISATIONS,
    "pooled": POOLED,
}
#: those that only a geodesic has
GEODESIC_CHOICES: Mapping[str, Mapping[str, str]] = {"free": FREE, "penalty": PENALTIES}
CHOICES: Mapping[str, Mapping[str, str]] = {**GENERAL_CHOICES, **GEODESIC_CHOICES}


@dataclass(frozen=True)
class ChosenMethod:
    """A method (:mod:`whichway.geometry.method`) with its ground metric, tokens, parametrisation and pooled vector.

    Attributes:
        free, penalty: of a geodesic (:data:`whichway.analysis.vocabulary.FREE`, ``PENALTIES``).
    """

    method: str
    ground: str = "euclidean"
    tokens: str = "all"
    parametrisation: str = "uniform"
    pooled: str = "auto"
    free: str = "rows"
    penalty: str = "penalised"

    @property
    def is_geodesic(self) -> bool:
        """Whether its path has to be found by rendering (:mod:`whichway.analysis.paths.geodesic`)."""
        return PATHS[find_method(self.method).path].solved_later


def choose_method(name: str, default: ChosenMethod = ChosenMethod("optimal")) -> ChosenMethod:
    """The method called ``name``: "method" or "method@choice@choice…".

    Args:
        default: ground metric, tokens, parametrisation and pooled vector where the name does not say.

    Raises:
        UserError: an unknown method or choice (the known ones are named), or two choices of one kind.
    """
    method, *choices = name.split("@")
    try:
        find_method(method)
    except ValueError as error:
        raise UserError(f"methods: {error}") from error
    chosen: dict[str, str] = {}
    for choice in choices:
        kind = next((kind for kind, known in CHOICES.items() if choice in known), None)
        if kind is None:
            known = ", ".join(choice for of_kind in CHOICES.values() for choice in of_kind)
            raise UserError(f"methods: unknown {choice!r} in {name!r}; known after an @: {known}")
        if kind in chosen:
            raise UserError(f"methods: {name!r} says its {kind} twice")
        chosen[kind] = choice
    for kind in GEODESIC_CHOICES:
        if kind in chosen and not ChosenMethod(method).is_geodesic:
            raise UserError(f"methods: {name!r}: only a geodesic has the choice {chosen[kind]!r}")
    defaults = {kind: getattr(default, kind) for kind in CHOICES}
    return ChosenMethod(method, **defaults | chosen)


def chosen_pooled(pooled: str) -> dict[str, str]:
    """Of a run's identity: nothing where nothing was chosen, so that runs from before there was a choice go on."""
    return {} if pooled == "auto" else {"pooled": pooled}
