"""Paths t ↦ cloud with path(0) = A and path(1) = B, equal as clouds: the rows may come in another order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from whichway.geometry.cloud import PointCloud
from whichway.geometry.coupling import Coupling
from whichway.geometry.ground import EUCLIDEAN, GroundMetric, require_same_shape, require_same_width
from whichway.geometry.soft_coupling import cone_angles


@runtime_checkable
class Path(Protocol):
    """Anything that maps t in [0, 1] to a cloud, and knows the two clouds that it joins."""

    @property
    def start(self) -> PointCloud: ...
    @property
    def end(self) -> PointCloud: ...
    def __call__(self, t: float) -> PointCloud: ...


@dataclass(frozen=True, eq=False)
class DisplacementPath:
    """McCann's displacement interpolation along a coupling: atom k sits at (1−t) x_s(k) + t y_t(k) with mass m_k.

    With the optimal coupling it is the W_2 geodesic: W_2(path(s), path(t)) = |s−t| W_2(A, B). With the identity
    coupling it is linear interpolation of matrices. (McCann 1997, "A convexity principle for interacting gases")

    Raises:
        ValueError: clouds of different width, or a coupling that does not carry all the mass.
    """

    start: PointCloud
    end: PointCloud
    coupling: Coupling

    def __post_init__(self) -> None:
        require_same_width(self.start, self.end)
        require_all_mass(self.coupling, "displacement")

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        start, end = self.start.rows[self.coupling.sources], self.end.rows[self.coupling.targets]
        return PointCloud(torch.lerp(start, end, t) if t < 1 else end, mass_on_the_way(self, t))


@dataclass(frozen=True, eq=False)
class SphericalPath:
    """Each atom of a coupling along its own great circle: (sin((1−t)Ω) x + sin(tΩ) y) / sin Ω, Ω = ∠(x, y).

    Lengths change on the way as a slerp of unequal vectors does. Not a geodesic of W_2. (Shoemake 1985)

    Raises:
        ValueError: clouds of different width, a coupling that does not carry all the mass, rows that are zero, or
            matched rows that are opposite (the great circle is not unique).
    """

    start: PointCloud
    end: PointCloud
    coupling: Coupling

    def __post_init__(self) -> None:
        require_same_width(self.start, self.end)
        require_all_mass(self.coupling, "spherical")
        start, end = self._matched()
        if not (start.norm(dim=1) > 0).all() or not (end.norm(dim=1) > 0).all():
            raise ValueError("the spherical path needs rows that are not zero")
        opposite = int((torch.pi - angles_between(start, end) < 1e-6).sum())
        if opposite:
            raise ValueError(f"the spherical path between opposite rows is not unique; {opposite} matched rows are")

    def _matched(self) -> tuple[Tensor, Tensor]:
        return self.start.rows[self.coupling.sources].double(), self.end.rows[self.coupling.targets].double()

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        start, end = self._matched()
        return PointCloud(slerp(start, end, t).to(self.start.rows.dtype), mass_on_the_way(self, t))


@dataclass(frozen=True, eq=False)
class SlerpPath:
    """Spherical interpolation of the two matrices as single vectors of R^(n·d), as interpolation scripts do it.

    (sin((1−t)Ω) X + sin(tΩ) Y) / sin Ω, Ω the angle between X and Y (Shoemake 1985). Not a path of measures: it
    depends on the order of the rows.

    Raises:
        ValueError: clouds of different shape, of zero norm, or opposite (the great circle is not unique).
    """

    start: PointCloud
    end: PointCloud

    def __post_init__(self) -> None:
        require_same_shape(self.start, self.end)
        for cloud in (self.start, self.end):
            if not cloud.rows.any():
                raise ValueError("slerp needs matrices that are not zero")
        if torch.pi - angles_between(*self._flat()) < 1e-6:
            raise ValueError("slerp between opposite matrices has no unique great circle")

    def _flat(self) -> tuple[Tensor, Tensor]:
        return self.start.rows.double().flatten()[None], self.end.rows.double().flatten()[None]

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        rows = slerp(*self._flat(), t).view(self.start.rows.shape)
        return PointCloud(rows.to(self.start.rows.dtype), self.start.weights)


@dataclass(frozen=True, eq=False)
class MixturePath:
    """μ_t = (1−t) μ_A + t μ_B: no row moves, the weights do. The straight line in the linear structure on measures.

    What attention sees is a mixture of both texts inside one softmax; close kin of interpolating attention outputs
    (AID, arXiv:2403.17924).

    Raises:
        ValueError: clouds of different width.
    """

    start: PointCloud
    end: PointCloud

    def __post_init__(self) -> None:
        require_same_width(self.start, self.end)

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        return _cloud_of([(self.start.rows, (1 - t) * self.start.weights), (self.end.rows, t * self.end.weights)])


@dataclass(frozen=True, eq=False)
class PartialPath:
    """What the coupling carries moves, straight; what it leaves fades: out at A with 1−t, in at B with t.

    For a coupling that carries part of the mass (:func:`whichway.geometry.soft_coupling.partial_coupling`): between the
    displacement path, which carries all, and the mixture path, which carries none.

    Raises:
        ValueError: clouds of different width, or a coupling that takes more of a row than there is.
    """

    start: PointCloud
    end: PointCloud
    coupling: Coupling

    def __post_init__(self) -> None:
        require_same_width(self.start, self.end)
        out, into = marginals(self.coupling, self.start, self.end)
        if (out > self.start.weights.double() * 1.001).any() or (into > self.end.weights.double() * 1.001).any():
            raise ValueError("the partial path needs a coupling that takes no more of a row than there is")

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        out, into = marginals(self.coupling, self.start, self.end)
        moving = torch.lerp(self.start.rows[self.coupling.sources], self.end.rows[self.coupling.targets], t)
        return _cloud_of(
            [
                (moving, self.coupling.mass),
                (self.start.rows, (1 - t) * (self.start.weights - out.to(self.start.weights)).clamp(min=0)),
                (self.end.rows, t * (self.end.weights - into.to(self.end.weights)).clamp(min=0)),
            ]
        )


@dataclass(frozen=True, eq=False)
class HellingerKantorovichPath:
    """The geodesic of unbalanced transport: rows move and fade at once.

    An atom that goes from mass m_0 at x to mass m_1 at y, at the angle δ = c(x, y)/κ < π/2, has on the way the mass
    m(t) = (1−t)² m_0 + t² m_1 + 2t(1−t) √(m_0 m_1) cos δ and has gone the share (1/δ) arctan2(t √m_1 sin δ,
    (1−t) √m_0 + t √m_1 cos δ) of its way: a straight line in the cone over R^d. Rows that the coupling does not take
    along fade in place, (1−t)² and t². (Liero, Mielke, Savaré 2018; Chizat et al. 2018)

    The total is below 1 on the way; a model sees the probability measure, so the cloud is scaled to 1.

    Args:
        reach: κ as in :func:`whichway.geometry.soft_coupling.unbalanced_coupling`, which makes the coupling.
    """

    start: PointCloud
    end: PointCloud
    coupling: Coupling
    reach: float = 1.0
    ground: GroundMetric = EUCLIDEAN

    def __post_init__(self) -> None:
        require_same_width(self.start, self.end)

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        if t in (0, 1):  # exactly, not up to the rounding of the angles
            return self.end if t else self.start
        sources, targets = self.coupling.sources, self.coupling.targets
        out, into = marginals(self.coupling, self.start, self.end)
        mass = self.coupling.mass.double()
        at_start = self.start.weights.double()[sources] * mass / out[sources]
        at_end = self.end.weights.double()[targets] * mass / into[targets]
        angle = torch.from_numpy(cone_angles(self.start, self.end, self.reach, self.ground))[sources, targets]
        along, across = torch.cos(angle), torch.sin(angle)
        x, y = (1 - t) * at_start.sqrt(), t * at_end.sqrt()
        gone = torch.where(angle > 1e-6, torch.atan2(y * across, x + y * along) / angle, y / (x + y))
        moving = torch.lerp(self.start.rows[sources].double(), self.end.rows[targets].double(), gone[:, None])
        return _cloud_of(
            [
                (moving.to(self.start.rows.dtype), (x * x + y * y + 2 * x * y * along).to(self.start.weights)),
                (self.start.rows, (1 - t) ** 2 * self.start.weights * (out == 0)),
                (self.end.rows, t**2 * self.end.weights * (into == 0)),
            ]
        )


@dataclass(frozen=True, eq=False)
class PiecewisePath:
    """One path after another, each for as long as ``durations`` say: a way through several prompts.

    Raises:
        ValueError: no paths, durations of another number or not positive.
    """

    paths: Sequence[Path]
    durations: Sequence[float] = ()

    def __post_init__(self) -> None:
        if not self.paths:
            raise ValueError("a piecewise path needs at least one path")
        durations = tuple(self.durations) or (1.0,) * len(self.paths)
        if len(durations) != len(self.paths) or not all(duration > 0 for duration in durations):
            raise ValueError(f"durations: wanted {len(self.paths)} positive numbers, got {durations}")
        object.__setattr__(self, "durations", durations)

    @property
    def start(self) -> PointCloud:
        return self.paths[0].start

    @property
    def end(self) -> PointCloud:
        return self.paths[-1].end

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        left = t * sum(self.durations)
        for path, duration in zip(self.paths[:-1], self.durations, strict=False):
            if left <= duration:
                return path(left / duration)
            left -= duration
        return self.paths[-1](min(left / self.durations[-1], 1.0))


def slerp(start: Float[Tensor, "n d"], end: Float[Tensor, "n d"], t: float) -> Float[Tensor, "n d"]:
    """Row by row; nearly parallel rows in a straight line, which the great circle then is."""
    angle = angles_between(start, end)[:, None]
    curved = (torch.sin((1 - t) * angle) * start + torch.sin(t * angle) * end) / angle.sin()
    return torch.where(angle < 1e-6, torch.lerp(start, end, t), curved)


def angles_between(start: Float[Tensor, "n d"], end: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    """∠(x_i, y_i) by the half-angle formula (Kahan), accurate for nearly parallel and nearly opposite rows alike."""
    x, y = (rows / rows.norm(dim=1, keepdim=True) for rows in (start, end))
    return 2 * torch.atan2((x - y).norm(dim=1), (x + y).norm(dim=1))


def marginals(coupling: Coupling, start: PointCloud, end: PointCloud) -> tuple[Tensor, Tensor]:
    """What the coupling takes from each row of A (n,) and brings to each row of B (m,), float64."""
    mass = coupling.mass.double()
    out = mass.new_zeros(len(start)).index_add(0, coupling.sources, mass)
    return out, mass.new_zeros(len(end)).index_add(0, coupling.targets, mass)


def mass_on_the_way(path: DisplacementPath | SphericalPath, t: float) -> Tensor:
    """The atoms' masses at t: the coupling's own, or, for the plan of an iterative solver, one exact at both ends.

    Such a plan misses its marginals a little. Its rows are scaled to the weights of A at 0, its columns to those of B
    at 1, linearly in between, so that both ends are A and B and not nearly.
    """
    coupling, mass = path.coupling, path.coupling.mass.double()
    out, into = marginals(coupling, path.start, path.end)
    weights_a, weights_b = path.start.weights.double(), path.end.weights.double()
    if torch.allclose(out, weights_a, rtol=1e-6, atol=0) and torch.allclose(into, weights_b, rtol=1e-6, atol=0):
        return coupling.mass
    at_start = mass * weights_a[coupling.sources] / out[coupling.sources]
    at_end = mass * weights_b[coupling.targets] / into[coupling.targets]
    return torch.lerp(at_start, at_end, t).to(coupling.mass)


def require_all_mass(coupling: Coupling, path: str) -> None:
    carried = float(coupling.mass.sum())
    if abs(carried - 1) > 1e-3:
        raise ValueError(f"the {path} path needs a coupling that carries all the mass; this one carries {carried:.3f}")


def _cloud_of(parts: Sequence[tuple[Tensor, Tensor]]) -> PointCloud:
    """The cloud of all rows that have mass."""
    rows, weights = (torch.cat(each) for each in zip(*parts, strict=True))
    return PointCloud(rows[weights > 0], weights[weights > 0])


def check_time(t: float) -> None:
    if not 0 <= t <= 1:
        raise ValueError(f"t: wanted a number from 0 to 1, got {t}")
