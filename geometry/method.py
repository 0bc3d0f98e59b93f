"""Interpolation methods: coupling × path, free to combine, the same names in Python, command line and figures.

A method is called by one name ("optimal") or by two, "coupling+path" ("identity+spherical"). The ground metric and the
tokens that may be matched are chosen beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from whichway.geometry.attention_interpolation import AttentionInterpolationPath
from whichway.geometry.cloud import PointCloud
from whichway.geometry.coupling import Coupling, identity_coupling, optimal_coupling, random_coupling
from whichway.geometry.ground import EUCLIDEAN, GroundMetric, require_same_shape
from whichway.geometry.path import (
    DisplacementPath,
    HellingerKantorovichPath,
    MixturePath,
    PartialPath,
    Path,
    SlerpPath,
    SphericalPath,
)
from whichway.geometry.soft_coupling import entropic_coupling, partial_coupling, unbalanced_coupling


@dataclass(frozen=True)
class CouplingRule:
    """Which row goes where: ``couple(a, b, ground, seed)``."""

    summary: str
    couple: Callable[[PointCloud, PointCloud, GroundMetric, int], Coupling]


@dataclass(frozen=True)
class PathRule:
    """How rows get there: ``build(a, b, coupling, ground)``; ``coupled``: whether the path looks at the coupling."""

    summary: str
    build: Callable[..., Path]
    coupled: bool = True


@dataclass(frozen=True)
class Method:
    """How to go from A to B. ``coupling`` is None where the path uses none."""

    summary: str
    coupling: str | None
    path: str


COUPLINGS: dict[str, CouplingRule] = {
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
    "unbalanced": CouplingRule(
        "near rows are matched, far ones left", lambda a, b, ground, seed: unbalanced_coupling(a, b, ground=ground)
    ),
}

PATHS: dict[str, PathRule] = {
    "displacement": PathRule("matched rows, straight", lambda a, b, coupling, _: DisplacementPath(a, b, coupling)),
    "spherical": PathRule(
        "matched rows, each along a great circle", lambda a, b, coupling, _: SphericalPath(a, b, coupling)
    ),
    "partial": PathRule("matched mass moves, the rest fades", lambda a, b, coupling, _: PartialPath(a, b, coupling)),
    "hellinger-kantorovich": PathRule(
        "matched rows move and fade at once",
        lambda a, b, coupling, ground: HellingerKantorovichPath(a, b, coupling, ground=ground),
    ),
    "slerp": PathRule("the whole matrix along a great circle", lambda a, b, *_: SlerpPath(a, b), coupled=False),
    "mixture": PathRule("no row moves, weights do", lambda a, b, *_: MixturePath(a, b), coupled=False),
    "aid-inner": PathRule(
        "keys and values interpolated", lambda a, b, *_: AttentionInterpolationPath(a, b, "inner"), coupled=False
    ),
    "aid-outer": PathRule(
        "attention outputs interpolated", lambda a, b, *_: AttentionInterpolationPath(a, b, "outer"), coupled=False
    ),
}

METHODS: dict[str, Method] = {
    "identity": Method("linear interpolation of the matrices: everyone's default", "identity", "displacement"),
    "random": Method("rows matched at random, straight: the control", "random", "displacement"),
    "optimal": Method("rows matched by optimal transport, straight: the geodesic", "optimal", "displacement"),
    "slerp": Method("the whole matrix along a great circle: what scripts do", None, "slerp"),
    "spherical": Method("optimally matched rows along great circles", "optimal", "spherical"),
    "entropic": Method("rows split over near ones, straight", "entropic", "displacement"),
    "partial": Method("the cheapest half of the mass moves, the rest fades", "partial", "partial"),
    "unbalanced": Method("near rows move, far ones fade: Hellinger–Kantorovich", "unbalanced", "hellinger-kantorovich"),
    "mixture": Method("no row moves, weights do: the other straight line", None, "mixture"),
    "aid-inner": Method("frames attend to interpolated keys and values of both ends' frames", None, "aid-inner"),
    "aid-outer": Method("frames attend to both ends' frames, outputs interpolated", None, "aid-outer"),
}

#: which rows a coupling may match; the others keep their index
TOKENS = {
    "all": "all rows, padding included",
    "own": "the prompts' own tokens, up to the longer prompt's end token",
    "words": "own tokens without the start token",
}


def find_method(name: str) -> Method:
    """The method of one name, or the combination "coupling+path".

    Raises:
        ValueError: no such method, coupling or path; a path that needs no coupling with one.
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
        raise ValueError(f"the {path} path uses no coupling; wanted {path!r} alone, not {name!r}")
    return Method(f"{COUPLINGS[coupling].summary}; {PATHS[path].summary}", coupling, path)


def build_path(
    name: str,
    a: PointCloud,
    b: PointCloud,
    *,
    seed: int = 0,
    ground: GroundMetric = EUCLIDEAN,
    tokens: str = "all",
) -> Path:
    """The path of the method called ``name`` from a to b.

    Args:
        seed: of the random coupling.
        ground: the metric by which rows are matched.
        tokens: which rows may be matched (:data:`TOKENS`).

    Raises:
        ValueError: no such method or tokens (the known ones are named), or clouds that it cannot join.
    """
    method = find_method(name)
    if tokens not in TOKENS:
        raise ValueError(f"unknown tokens {tokens!r}; known: {', '.join(TOKENS)}")
    if method.coupling is None:
        return PATHS[method.path].build(a, b, None, ground)
    coupling = couple(method.coupling, a, b, seed=seed, ground=ground, tokens=tokens)
    return PATHS[method.path].build(a, b, coupling, ground)


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


def token_rows(a: PointCloud, b: PointCloud, tokens: str) -> torch.Tensor:
    """Indices of the rows that ``tokens`` names, the same for both clouds: up to the longer one's own size.

    Raises:
        ValueError: unknown tokens; clouds of different shape.
    """
    if tokens not in TOKENS:
        raise ValueError(f"unknown tokens {tokens!r}; known: {', '.join(TOKENS)}")
    require_same_shape(a, b)
    size = len(a) if tokens == "all" else max(a.size, b.size)
    return torch.arange(1 if tokens == "words" and size > 1 else 0, size)
