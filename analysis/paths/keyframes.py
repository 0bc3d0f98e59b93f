"""Several conditionings → the paths between each two that follow each other, straight or along transport splines."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from whichway.analysis.clouds.ground_metrics import find_ground
from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.models.model import Model
from whichway.analysis.paths.chosen_method import ChosenMethod
from whichway.analysis.paths.conditioning_path import ConditioningPath, join
from whichway.geometry import Coupling, PointCloud, TransportSplinePath, couple, find_method, identity_coupling
from whichway.geometry.path import check_time

#: how a pooled vector is held → at which keyframe's
HELD = {"start": 0, "end": -1}


def join_keyframes(
    name: str,
    method: ChosenMethod,
    keyframes: Sequence[Conditioning],
    times: Sequence[float],
    *,
    interpolation: str = "linear",
    closed: bool = False,
    model: Model | None = None,
    seed: int = 0,
) -> list[ConditioningPath]:
    """A path for each leg: from the first keyframe to the second, and so on; closed: from the last to the first too.

    Spline: with the optimal coupling the transport spline, with the identity the Euclidean spline of matrices. Vectors
    run along splines of their own; masses are linear on every leg. A pooled vector that is held, is so on all legs: at
    the first prompt's or at the last's.

    Args:
        times: of the keyframes, increasing; of a closed path one more, when it is back. Only their ratios count.

    Raises:
        UserError: fewer than two keyframes, times of another number or not increasing, a geodesic, a method
            whose rows do not move straight where a spline is wanted, keyframes that the method cannot join.
    """
    legs = len(keyframes) - (not closed)
    if len(keyframes) < 2:
        raise UserError(f"keyframes: wanted two or more prompts, got {len(keyframes)}")
    if len(times) != legs + 1 or not all(before < after for before, after in pairwise(times)):
        raise UserError(f"at: wanted {legs + 1} increasing times, got {', '.join(f'{time:g}' for time in times)}")
    if method.is_geodesic:
        raise UserError(f"method {name!r} is found by rendering, and only between two prompts; wanted another")
    if method.pooled in HELD:
        keyframes, method = _with_held_vectors(method.pooled, keyframes), replace(method, pooled="linear")
    following = [*keyframes, *keyframes[: int(closed)]]
    if interpolation == "linear":
        return [join(name, method, a, b, model=model, seed=seed) for a, b in pairwise(following)]
    rule = find_method(method.method)
    if rule.path != "displacement" or rule.coupling is None:
        raise UserError(f"method {name!r} with a spline: wanted one whose rows move straight, such as optimal")
    if method.pooled == "spherical":
        raise UserError(
            "pooled: 'spherical' with a spline: wanted auto or linear, which run along the spline, start or end"
        )
    if model is not None and model.family.symmetry == "sequence" and method.method != "identity":
        raise UserError(f"method {name!r}: rows of {model.family.name} know their places; only identity joins them")
    options: dict[str, Any] = {"seed": seed, "ground": find_ground(method.ground, model), "tokens": method.tokens}

    def spline(clouds: list[PointCloud], coupling: str) -> TransportSplinePath:
        around = [*clouds, *clouds[: int(closed)]]
        couplings: list[Coupling] = (
            [identity_coupling(a, b) for a, b in pairwise(around)]
            if len(clouds[0]) == 1
            else [couple(coupling, a, b, **options) for a, b in pairwise(around)]
        )
        return TransportSplinePath(clouds, times, couplings, closed)

    try:
        clouds = {e: spline([each.clouds[e] for each in keyframes], rule.coupling) for e in keyframes[0].clouds}
        vectors = {
            key: spline([PointCloud(each.vectors[key][None]) for each in keyframes], "identity")
            for key in keyframes[0].vectors
        }
    except (ValueError, RuntimeError) as error:
        raise UserError(f"method {name!r} with a spline: {error}") from error
    return [
        ConditioningPath(
            {e: SplineLeg(path, leg) for e, path in clouds.items()},
            {e: (mass, following[leg + 1].masses[e]) for e, mass in following[leg].masses.items()},
            {key: SplineLeg(path, leg) for key, path in vectors.items()},
        )
        for leg in range(legs)
    ]


def _with_held_vectors(pooled: str, keyframes: Sequence[Conditioning]) -> list[Conditioning]:
    if not keyframes[0].vectors:
        raise UserError(f"pooled: {pooled!r}, but this model's texts have no pooled vector; leave it out")
    vectors = keyframes[HELD[pooled]].vectors
    return [replace(keyframe, vectors=vectors) for keyframe in keyframes]


@dataclass(frozen=True, eq=False)
class SplineLeg:
    """The part of a spline between two clouds that follow each other, as a path of its own."""

    spline: TransportSplinePath
    leg: int

    @property
    def start(self) -> PointCloud:
        return self.spline.clouds[self.leg]

    @property
    def end(self) -> PointCloud:
        return self.spline.clouds[(self.leg + 1) % len(self.spline.clouds)]

    @property
    def coupling(self) -> Coupling:
        return self.spline.couplings[self.leg]

    @property
    def length_in(self) -> str:
        return self.spline.length_in

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        before, after = self.spline.times[self.leg : self.leg + 2]
        return self.spline.at(after if t == 1 else before + t * (after - before))
