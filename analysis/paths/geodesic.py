"""The geodesic of the metric that the render map pulls back: found by rendering, so a path that has to be solved first.

Before it is solved it is its beginning: the path from which the search starts. :mod:`whichway.analysis.geodesics` finds
the clouds in between; a run does so before it renders (:mod:`whichway.analysis.runs.geodesic_store`).
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from whichway.geometry import (
    DisplacementPath,
    Method,
    MixturePath,
    PathRule,
    PointCloud,
    register_method,
    register_path,
)
from whichway.geometry.path import Path, check_time


@dataclass(frozen=True, eq=False)
class UnsolvedGeodesic:
    """A geodesic of which only the path is known from which the search for it starts.

    Attributes:
        initial: that path.
    """

    initial: Path
    length_in: ClassVar[str | None] = None  # its length is one of images

    @property
    def start(self) -> PointCloud:
        return self.initial.start

    @property
    def end(self) -> PointCloud:
        return self.initial.end

    def __call__(self, t: float) -> PointCloud:
        """A or B.

        Raises:
            ValueError: any t in between.
        """
        check_time(t)
        if t not in (0, 1):
            raise ValueError("a geodesic is found by rendering; wanted whichway.find_geodesic, or a run, to solve it")
        return self.initial(t)


@dataclass(frozen=True, eq=False)
class SolvedGeodesic(UnsolvedGeodesic):
    """Clouds at even t, all with the same atoms, and straight pieces between them: rows and weights move linearly.

    Between A, or B, and the cloud next to it the atoms are those of the initial path close to that end.

    Attributes:
        nodes: the clouds at t = 1/T, …, (T−1)/T.

    Raises:
        ValueError: no nodes, or nodes of different shape.
    """

    nodes: Sequence[PointCloud] = ()

    def __post_init__(self) -> None:
        shapes = {node.rows.shape for node in self.nodes}
        if len(shapes) != 1:
            raise ValueError(f"nodes: wanted at least one, all of one shape, got {sorted(map(tuple, shapes))}")

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        if t in (0, 1):
            return self.initial(t)
        place = t * (len(self.nodes) + 1)
        left = min(bisect_right(range(1, len(self.nodes) + 1), place + 1e-9), len(self.nodes))
        share = place - left
        if abs(share) < 1e-9:
            return self.nodes[left - 1]
        a, b = self._node(left), self._node(left + 1)
        return PointCloud(torch.lerp(a.rows, b.rows, share), torch.lerp(a.weights, b.weights, share))

    def _node(self, index: int) -> PointCloud:
        if 0 < index <= len(self.nodes):
            return self.nodes[index - 1]
        return near_end(self.initial, 1 if index else 0)


def near_end(path: Path, end: int, distance: float = 1e-4) -> PointCloud:
    """The cloud of a path so close to A (0) or B (1) that they look the same, with the atoms of the path in between."""
    return path(1 - distance if end else distance)


register_path(
    "geodesic",
    PathRule(
        "the shortest in images, found from matched rows, straight",
        lambda a, b, coupling, *_: UnsolvedGeodesic(DisplacementPath(a, b, coupling)),
        UnsolvedGeodesic.length_in,
        solved_later=True,
    ),
)
register_path(
    "geodesic-mixture",
    PathRule(
        "the shortest in images, found from the mixture",
        lambda a, b, *_: UnsolvedGeodesic(MixturePath(a, b)),
        UnsolvedGeodesic.length_in,
        coupled=False,
        solved_later=True,
    ),
)
register_method(
    "geodesic", Method("the shortest way in images, found by gradients from the optimal path", "optimal", "geodesic")
)
register_method(
    "geodesic-mixture", Method("the shortest way in images, found from the mixture", None, "geodesic-mixture")
)
