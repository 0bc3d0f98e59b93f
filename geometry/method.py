"""Interpolation methods: a coupling and a path under one name, the same in Python, command line and figures."""

from collections.abc import Callable
from dataclasses import dataclass

from geometry.cloud import PointCloud
from geometry.coupling import Coupling, identity_coupling, optimal_coupling, random_coupling
from geometry.path import DisplacementPath, Path, SlerpPath


@dataclass(frozen=True)
class Method:
    """How to go from A to B: ``couple(a, b, seed)`` says which row goes where (None: the path uses no coupling)."""

    summary: str
    couple: Callable[[PointCloud, PointCloud, int], Coupling] | None


METHODS: dict[str, Method] = {
    "identity": Method(
        "row i to row i, straight: linear interpolation of the matrices", lambda a, b, seed: identity_coupling(a, b)
    ),
    "random": Method(
        "rows matched by a seeded random permutation, straight: the control",
        lambda a, b, seed: random_coupling(a, b, seed=seed),
    ),
    "optimal": Method(
        "rows matched by optimal transport, straight: the Wasserstein geodesic",
        lambda a, b, seed: optimal_coupling(a, b),
    ),
    "slerp": Method("the whole matrix along a great circle: what interpolation scripts do", None),
}


def build_path(name: str, a: PointCloud, b: PointCloud, *, seed: int = 0) -> Path:
    """The path of the method called ``name`` from a to b; ``seed`` matters to the random coupling only.

    Raises:
        ValueError: no such method (the known ones are named), or clouds that it cannot join.
    """
    if name not in METHODS:
        raise ValueError(f"unknown method {name!r}; known: {', '.join(METHODS)}")
    couple = METHODS[name].couple
    return SlerpPath(a, b) if couple is None else DisplacementPath(a, b, couple(a, b, seed))
