"""Interpolation methods: coupling × path, free to combine, the same names in Python, command line and figures.

A method is called by one name ("optimal") or by two, "coupling+path" ("identity+spherical"). The ground metric and the
tokens that may be matched are chosen beside it. Couplings, paths and methods from elsewhere join by
:func:`register_coupling`, :func:`register_path` and :func:`register_method`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

import torch

from whichway.geometry.cloud import PointCloud
from whichway.geometry.coupling import (
    Coupling,
    have_equal_weights,
    identity_coupling,
    optimal_coupling,
    random_coupling,
)
from whichway.geometry.displacement import DisplacementPath
from whichway.geometry.great_circle import SlerpPath, SphericalPath
from whichway.geometry.ground import EUCLIDEAN, GroundMetric
from whichway.geometry.mixture import MixturePath, PartialPath
from whichway.geometry.order_aware import fused_gromov_coupling, ordered_coupling
from whichway.geometry.padded import PaddedPath
from whichway.geometry.path import Path
from whichway.geometry.soft_coupling import entropic_coupling, halved_coupling, partial_coupling
from whichway.geometry.tokens import TOKENS, matchable_rows, token_rows
from whichway.geometry.unbalanced import HellingerKantorovichPath


@dataclass(frozen=True)
class CouplingRule:
    """Which row goes where: ``couple(a, b, ground, seed)``."""

    summary: str
    couple: Callable[[PointCloud, PointCloud, GroundMetric, int], Coupling]


@dataclass(frozen=True)
class PathRule:
    """How rows get there.

    Attributes:
        build: ``(a, b, coupling, ground, matchable) → path``. ``coupling`` is None where none is chosen; ``matchable``,
            (n, m) or None for all, says which rows may be matched to a path that makes its own coupling.
        length_in: of the paths built (:class:`whichway.geometry.path.Path`), known before one is.
        coupled: whether a coupling has to be chosen.
        great_circle: whether what moves does so along great circles; straight where not.
        solved_later: whether what is built is only where the search for the path starts, known at t = 0 and t = 1 alone
            until somebody solves it.
    """

    summary: str
    build: Callable[..., Path]
    length_in: str | None
    coupled: bool = True
    great_circle: bool = False
    solved_later: bool = False


@dataclass(frozen=True)
class Method:
    """How to go from A to B. ``coupling`` is None where the path is given none."""

    summary: str
    coupling: str | None
    path: str


_couplings: dict[str, CouplingRule] = {}
_paths: dict[str, PathRule] = {}
_methods: dict[str, Method] = {}

COUPLINGS: Mapping[str, CouplingRule] = MappingProxyType(_couplings)
PATHS: Mapping[str, PathRule] = MappingProxyType(_paths)
METHODS: Mapping[str, Method] = MappingProxyType(_methods)

Entry = TypeVar("Entry")


def register_coupling(name: str, rule: CouplingRule) -> None:
    """Make a coupling known: as ``name+path`` with every path that needs one.

    Raises:
        ValueError: the name is taken, or has a "+" or "@" in it.
    """
    _register(_couplings, "coupling", name, rule)


def register_path(name: str, rule: PathRule) -> None:
    """Make a path known: as ``coupling+name`` with every coupling, if it needs one.

    Raises:
        ValueError: the name is taken, or has a "+" or "@" in it.
    """
    _register(_paths, "path", name, rule)


def register_method(name: str, method: Method) -> None:
    """Make a method known by one name: to :func:`find_method`, the command line and the figures.

    Raises:
        ValueError: the name is taken, or has a "+" or "@" in it; a coupling or path that is not known; a path that
            needs a coupling without one, or the reverse.
    """
    if method.path not in PATHS:
        raise ValueError(f"unknown path {method.path!r} of the method {name!r}; known: {', '.join(PATHS)}")
    if method.coupling is not None and method.coupling not in COUPLINGS:
        raise ValueError(f"unknown coupling {method.coupling!r} of the method {name!r}; known: {', '.join(COUPLINGS)}")
    if PATHS[method.path].coupled != (method.coupling is not None):
        needs = "a" if PATHS[method.path].coupled else "no"
        raise ValueError(f"the path {method.path!r} of the method {name!r} takes {needs} coupling")
    _register(_methods, "method", name, method)


def _register(known: dict[str, Entry], kind: str, name: str, entry: Entry) -> None:
    if name in known:
        raise ValueError(f"the name {name!r} is taken by another {kind}")
    if not name or set(name) & set("+@,"):
        raise ValueError(f"a {kind} cannot be called {name!r}: names are put together with + and @, and listed with ,")
    known[name] = entry


for _name, _rule in {
    "identity": CouplingRule("row i to row i", lambda a, b, ground, seed: identity_coupling(a, b)),
    "random": CouplingRule(
        "a seeded random permutation: the control", lambda a, b, ground, seed: random_coupling(a, b, seed=seed)
    ),
    "optimal": CouplingRule("optimal transport", lambda a, b, ground, seed: optimal_coupling(a, b, ground=ground)),
    "entropic": CouplingRule(
        "entropic transport: rows split", lambda a, b, ground, seed: entropic_coupling(a, b, ground=ground)
    ),
    "partial": CouplingRule(
        "the cheapest half of the mass", lambda a, b, ground, seed: partial_coupling(a, b, ground=ground)
    ),
    "halved": CouplingRule(
        "optimal transport of half of every row", lambda a, b, ground, seed: halved_coupling(a, b, ground=ground)
    ),
    "ordered": CouplingRule(
        "optimal transport, rows pay for leaving their place",
        lambda a, b, ground, seed: ordered_coupling(a, b, ground=ground),
    ),
    "fused-gromov": CouplingRule(
        "near rows, and neighbours stay neighbours: fused Gromov–Wasserstein on places in the prompt",
        lambda a, b, ground, seed: fused_gromov_coupling(a, b, ground=ground),
    ),
    "gromov": CouplingRule(
        "near rows, and distances within the prompt stay: fused Gromov–Wasserstein on distances",
        lambda a, b, ground, seed: fused_gromov_coupling(a, b, structure="distances", ground=ground),
    ),
}.items():
    register_coupling(_name, _rule)

for _name, _path in {
    "displacement": PathRule(
        "matched rows, straight",
        lambda a, b, coupling, *_: DisplacementPath(a, b, coupling),
        DisplacementPath.length_in,
    ),
    "spherical": PathRule(
        "matched rows, each along a great circle",
        lambda a, b, coupling, *_: SphericalPath(a, b, coupling),
        SphericalPath.length_in,
        great_circle=True,
    ),
    "partial": PathRule(
        "matched mass moves, the rest fades",
        lambda a, b, coupling, *_: PartialPath(a, b, coupling),
        PartialPath.length_in,
    ),
    "hellinger-kantorovich": PathRule(
        "near rows move and fade at once, far ones fade",
        lambda a, b, _, ground, matchable: HellingerKantorovichPath(a, b, ground=ground, matchable=matchable),
        HellingerKantorovichPath.length_in,
        coupled=False,
    ),
    "hellinger-kantorovich-near": PathRule(
        "the same with half the reach: more fades",
        lambda a, b, _, ground, matchable: HellingerKantorovichPath(
            a, b, reach=0.5, ground=ground, matchable=matchable
        ),
        HellingerKantorovichPath.length_in,
        coupled=False,
    ),
    "hellinger-kantorovich-far": PathRule(
        "the same with twice the reach: more moves",
        lambda a, b, _, ground, matchable: HellingerKantorovichPath(a, b, reach=2, ground=ground, matchable=matchable),
        HellingerKantorovichPath.length_in,
        coupled=False,
    ),
    "slerp": PathRule(
        "the whole matrix along a great circle",
        lambda a, b, *_: SlerpPath(a, b),
        SlerpPath.length_in,
        coupled=False,
        great_circle=True,
    ),
    "mixture": PathRule(
        "no row moves, weights do", lambda a, b, *_: MixturePath(a, b), MixturePath.length_in, coupled=False
    ),
}.items():
    register_path(_name, _path)

for _name, _method in {
    "identity": Method("linear interpolation of the matrices: everyone's default", "identity", "displacement"),
    "random": Method("rows matched at random, straight: the control", "random", "displacement"),
    "optimal": Method("rows matched by optimal transport, straight: the geodesic", "optimal", "displacement"),
    "slerp": Method("the whole matrix along a great circle: what scripts do", None, "slerp"),
    "spherical": Method("optimally matched rows along great circles", "optimal", "spherical"),
    "entropic": Method("rows split over near ones, straight", "entropic", "displacement"),
    "partial": Method("the cheapest half of the mass moves, the rest fades", "partial", "partial"),
    "unbalanced": Method("near rows move, far ones fade: Hellinger–Kantorovich", None, "hellinger-kantorovich"),
    "unbalanced-near": Method("unbalanced with half the reach: more fades", None, "hellinger-kantorovich-near"),
    "unbalanced-far": Method("unbalanced with twice the reach: more moves", None, "hellinger-kantorovich-far"),
    "mixture": Method("no row moves, weights do: the other straight line", None, "mixture"),
}.items():
    register_method(_name, _method)


def find_method(name: str) -> Method:
    """The method of one name, or the combination "coupling+path".

    Raises:
        ValueError: no such method, coupling or path (the known ones are named); a path that takes no coupling with one.
    """
    if name in METHODS:
        return METHODS[name]
    coupling, plus, path = name.partition("+")
    if not plus:
        raise ValueError(f"unknown method {name!r}; known: {', '.join(METHODS)}, or coupling+path")
    if coupling not in COUPLINGS:
        raise ValueError(f"unknown coupling {coupling!r} in {name!r}; known: {', '.join(COUPLINGS)}")
    if path not in PATHS:
        raise ValueError(f"unknown path {path!r} in {name!r}; known: {', '.join(PATHS)}")
    if not PATHS[path].coupled:
        alone = next(known for known, method in METHODS.items() if method.path == path)
        raise ValueError(f"the {path} path takes no coupling; wanted {alone!r} alone, not {name!r}")
    return Method(f"{COUPLINGS[coupling].summary}; {PATHS[path].summary}", coupling, path)


def immediate_methods() -> list[str]:
    """Methods of one name whose paths are known at every t as soon as they are built, and need no search after that."""
    return [name for name, method in METHODS.items() if not PATHS[method.path].solved_later]


def build_path(
    name: str,
    a: PointCloud,
    b: PointCloud,
    *,
    seed: int = 0,
    ground: GroundMetric = EUCLIDEAN,
    tokens: str = "all",
) -> Path:
    """The path of the method called ``name`` from a to b; for "identity" between clouds of different sizes or
    weights, a :class:`~whichway.geometry.padded.PaddedPath`.

    Args:
        seed: of the random coupling.
        ground: the metric by which rows are matched.
        tokens: which rows may be matched (:data:`TOKENS`).

    Raises:
        ValueError: no such method or tokens (the known ones are named), or clouds that it cannot join.
        RuntimeError: the solver of the coupling did not converge.
    """
    method = find_method(name)
    if tokens not in TOKENS:
        raise ValueError(f"unknown tokens {tokens!r}; known: {', '.join(TOKENS)}")
    build = PATHS[method.path].build
    if (method.coupling, method.path) == ("identity", "displacement") and not have_equal_weights(a, b):
        return PaddedPath(a, b)
    if method.coupling is None:
        return build(a, b, None, ground, matchable_rows(a, b, tokens))
    return build(a, b, couple(method.coupling, a, b, seed=seed, ground=ground, tokens=tokens), ground, None)


def couple(
    name: str,
    a: PointCloud,
    b: PointCloud,
    *,
    seed: int = 0,
    ground: GroundMetric = EUCLIDEAN,
    tokens: str = "all",
) -> Coupling:
    """The coupling called ``name``, of the chosen rows; the rows that are not chosen keep their index.

    Raises:
        ValueError: unknown tokens; a choice of rows in clouds of different shape or of weights that are not uniform.
    """
    rule = COUPLINGS[name].couple
    if tokens == "all":
        return rule(a, b, ground, seed)
    chosen = token_rows(a, b, tokens)
    if not (a.is_uniform and b.is_uniform):
        raise ValueError(f"tokens={tokens!r} needs clouds of uniform weights; got other weights")
    inner = rule(a.take(chosen), b.take(chosen), ground, seed)
    others = torch.tensor([row for row in range(len(a)) if row not in set(chosen.tolist())], dtype=torch.long)
    return Coupling(
        torch.cat([chosen[inner.sources], others]),
        torch.cat([chosen[inner.targets], others]),
        torch.cat([inner.mass * (len(chosen) / len(a)), a.weights[others]]),
    )
