"""A string of clouds from A to B, as numbers that can be optimised: rows and log-weights of all clouds in between.

The string method (E, Ren, Vanden-Eijnden 2002, Phys. Rev. B 66, 052301) and the nudged elastic band (Jónsson, Mills,
Jacobsen 1998) move such a string normal to itself, and keep its points evenly spaced by other means than the gradient.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from whichway.analysis.families import Conditioning
from whichway.analysis.paths.conditioning_path import ConditioningPath
from whichway.analysis.paths.geodesic import SolvedGeodesic, UnsolvedGeodesic, near_end
from whichway.geometry import PointCloud
from whichway.geometry.path import Path

FREE = ("rows", "weights", "both")


@dataclass(frozen=True, eq=False)
class CloudString:
    """The clouds of one encoder along the way, float64 on the CPU, and how far they may move.

    Attributes:
        rows: (nodes, n, d), both ends included.
        log_weights: (nodes, n), up to a constant for each node.
        scale: root mean square of how far a coordinate of a row travels from A to B: the unit of steps of rows.
    """

    rows: Float[Tensor, "nodes n d"]
    log_weights: Float[Tensor, "nodes n"]
    scale: float

    @classmethod
    def along(cls, path: UnsolvedGeodesic, nodes: int) -> "CloudString":
        """Of the initial path at even t; its ends with the atoms that the path has in between."""
        times = torch.linspace(0, 1, nodes, dtype=torch.float64).tolist()
        initial = path.initial
        clouds = [near_end(initial, 0), *(initial(t) for t in times[1:-1]), near_end(initial, 1)]
        rows = torch.stack([cloud.rows.double() for cloud in clouds])
        travelled = float((rows[-1] - rows[0]).square().mean().sqrt())
        spread = float((rows[0] - rows[0].mean(dim=0)).square().mean().sqrt())
        scale = travelled or spread  # on a mixture no row travels
        return cls(rows, torch.stack([cloud.weights.double() for cloud in clouds]).log(), scale)

    @property
    def points(self) -> Float[Tensor, "nodes k"]:
        """Rows in units of the scale, and log-weights: what distances and directions are taken in."""
        return torch.cat([self.rows.flatten(1) / self.scale, self.log_weights], dim=1)

    def weights(self) -> Float[Tensor, "nodes n"]:
        return torch.softmax(self.log_weights, dim=1)

    def at(self, places: Float[Tensor, " nodes"]) -> "CloudString":
        """The string's points at these places, 0 to nodes − 1: between nodes, rows and weights move linearly."""
        left = places.floor().long().clamp(max=len(self.rows) - 2)
        share = places - left
        weights = self.weights()
        moved = torch.lerp(weights[left], weights[left + 1], share[:, None])
        rows = torch.lerp(self.rows[left], self.rows[left + 1], share[:, None, None])
        return replace(self, rows=rows, log_weights=moved.clamp(min=1e-30).log())

    def clouds(self) -> list[PointCloud]:
        """Those in between."""
        return [PointCloud(*each) for each in zip(self.rows[1:-1], self.weights()[1:-1], strict=True)]


def tangents(points: Float[Tensor, "nodes k"]) -> Float[Tensor, "inner k"]:
    """Unit vectors along the string at its inner nodes, by central differences; zero where its neighbours coincide."""
    differences = points[2:] - points[:-2]
    return differences / differences.norm(dim=1, keepdim=True).clamp(min=torch.finfo(points.dtype).tiny)


def normal_part(gradients: Float[Tensor, "inner k"], along: Float[Tensor, "inner k"]) -> Float[Tensor, "inner k"]:
    """What is left of the gradients without their part along the unit vectors ``along``."""
    return gradients - (gradients * along).sum(dim=1, keepdim=True) * along


def even_places(steps: Float[Tensor, " steps"], *, share: float = 1.0) -> Float[Tensor, " nodes"]:
    """Where along the string, 0 to the number of steps, its nodes have to be for the steps to be equal.

    Args:
        steps: the length of each, now.
        share: of the way from where they are to where they have to be.
    """
    count = len(steps)
    length = torch.cat([steps.new_zeros(1), steps.cumsum(0)])
    now = torch.arange(count + 1, dtype=steps.dtype)
    if not length[-1] > 0:
        return now
    evenly = torch.linspace(0, 1, count + 1, dtype=steps.dtype) * length[-1]
    right = torch.searchsorted(length, evenly).clamp(1, count)
    left = right - 1
    even = left + (evenly - length[left]) / steps[left].clamp(min=torch.finfo(steps.dtype).tiny)
    even[0], even[-1] = 0, count
    return torch.lerp(now, even.clamp(0, count), share)


def conditionings(path: ConditioningPath, strings: dict[str, CloudString]) -> list[Conditioning]:
    """The whole conditionings in between: masses and vectors are those of ``path``."""
    clouds = {name: string.clouds() for name, string in strings.items()}
    count = len(next(iter(clouds.values())))
    return [
        path_without_clouds(path, (k + 1) / (count + 1), {name: each[k] for name, each in clouds.items()})
        for k in range(count)
    ]


def path_without_clouds(path: ConditioningPath, t: float, clouds: dict[str, PointCloud]) -> Conditioning:
    """Masses and vectors of ``path`` at t, beside other clouds."""
    return Conditioning(
        clouds,
        {name: (1 - t) * start + t * end for name, (start, end) in path.masses.items()},
        {name: of_vector(t).rows[0] for name, of_vector in path.vectors.items()},
    )


def initial_paths(path: ConditioningPath) -> dict[str, Path]:
    """Encoder → the path from which the search for its geodesic starts."""
    return {name: unsolved.initial for name, unsolved in path.clouds.items()}  # type: ignore[attr-defined]


def solved(path: ConditioningPath, nodes: Mapping[str, Sequence[PointCloud]]) -> ConditioningPath:
    """``path`` through these clouds."""
    clouds = {name: SolvedGeodesic(initial, nodes[name]) for name, initial in initial_paths(path).items()}
    return replace(path, clouds=clouds)
