"""Transport splines: one smooth path through several clouds.

Consecutive clouds are coupled, rows are followed from cloud to cloud, and along each row's trajectory runs a cubic
spline. (Chewi, Clancy, Le Gouic, Rigollet, Stepaniants, Stromme, "Fast and smooth interpolation on Wasserstein space",
AISTATS 2021, arXiv:2010.12101, algorithm 1)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.interpolate import CubicSpline
from torch import Tensor

from whichway.geometry.cloud import PointCloud
from whichway.geometry.coupling import Coupling, require_marginals
from whichway.geometry.ground import require_same_width
from whichway.geometry.path import W2, check_time
from whichway.geometry.trajectories import Trajectories, glue


@dataclass(frozen=True, eq=False)
class TransportSplinePath:
    """Natural cubic splines along the rows' trajectories through clouds X_0 … X_K at times τ_0 < … < τ_K.

    As a path of rows it is C², also at the clouds; through two clouds it is McCann's displacement interpolation, and
    through clouds on one geodesic, met at constant speed, it is that geodesic. With identity couplings it is the
    Euclidean cubic spline of matrices, which depends on the order of the rows.

    Closed, the last coupling leads from X_K−1 back to X_0 at τ_K. A row that comes back as another row goes on as that
    one: its spline is periodic over as many turns as it takes to come back to itself, so that the *cloud* is C² where
    the loop closes, too.

    Attributes:
        clouds: X_0 … X_K, at least two; a closed path has X_0 … X_K−1.
        times: τ_0 … τ_K, increasing.
        couplings: of each cloud with the next one, K of them.
        closed: whether the path ends in the first cloud.

    Raises:
        ValueError: too few clouds, times or couplings of another number, times that do not increase; clouds of
            different width, a coupling whose marginals are not its clouds; a closed path whose rows split.
    """

    clouds: Sequence[PointCloud]
    times: Sequence[float]
    couplings: Sequence[Coupling]
    closed: bool = False
    length_in: ClassVar[str] = W2
    _pieces: list[tuple[CubicSpline, np.ndarray]] = field(init=False, repr=False)
    _trajectories: Trajectories = field(init=False, repr=False)

    def __post_init__(self) -> None:
        legs = len(self.clouds) - (not self.closed)
        if len(self.clouds) < 2:
            raise ValueError(f"a spline needs at least 2 clouds, got {len(self.clouds)}")
        if len(self.couplings) != legs or len(self.times) != legs + 1:
            raise ValueError(
                f"wanted {legs} couplings and {legs + 1} times, got {len(self.couplings)} and {len(self.times)}"
            )
        if not (np.isfinite(self.times).all() and (np.diff(self.times) > 0).all()):
            raise ValueError(f"times: wanted increasing numbers, got {list(self.times)}")
        for (a, b), coupling in zip(pairwise(self._keyframes), self.couplings, strict=True):
            require_same_width(a, b)
            require_marginals(coupling, a, b, "spline")
        trajectories = glue(self._keyframes, self.times, self.couplings)
        object.__setattr__(self, "_trajectories", trajectories)
        pieces = self._periodic(trajectories) if self.closed else [self._natural(trajectories)]
        object.__setattr__(self, "_pieces", pieces)

    @property
    def _keyframes(self) -> list[PointCloud]:
        """X_0 … X_K, the first one again at the end of a closed path."""
        return [*self.clouds, *self.clouds[:1]] if self.closed else list(self.clouds)

    @property
    def start(self) -> PointCloud:
        return self.clouds[0]

    @property
    def end(self) -> PointCloud:
        return self._keyframes[-1]

    def _rows_at(self, keyframe: int, rows: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k d"]:
        cloud = self._keyframes[keyframe]
        taken: np.ndarray = cloud.rows.detach().to("cpu", torch.float64).numpy()[rows]
        return taken

    def _natural(self, trajectories: Trajectories) -> tuple[CubicSpline, np.ndarray]:
        knots = np.stack([self._rows_at(k, rows) for k, rows in enumerate(trajectories.rows)])
        return CubicSpline(self.times, knots, bc_type="natural"), np.zeros(1)

    def _periodic(self, trajectories: Trajectories) -> list[tuple[CubicSpline, np.ndarray]]:
        """One spline for each cycle of the permutation that a turn makes, and the offsets at which its rows are."""
        first, last = trajectories.rows[0], trajectories.rows[-1]
        if len(np.unique(first)) < len(first) or len(np.unique(last)) < len(last):
            raise ValueError(
                "a closed spline needs clouds of one size and uniform weights, so that rows do not split on their way"
            )
        turn = np.diff(self.times)
        period = self.times[-1] - self.times[0]
        following = {int(row): index for index, row in enumerate(first)}
        pieces, left = [], set(range(len(first)))
        while left:
            cycle = [min(left)]
            while (onward := following[int(last[cycle[-1]])]) != cycle[0]:
                cycle.append(onward)
            left -= set(cycle)
            laps = [self._rows_at(k, rows[[atom]]) for atom in cycle for k, rows in enumerate(trajectories.rows[:-1])]
            knots = np.concatenate([*laps, laps[0]])
            times = self.times[0] + np.concatenate([[0.0], np.cumsum(np.tile(turn, len(cycle)))])
            times[:: len(turn)] = self.times[0] + period * np.arange(len(cycle) + 1)
            pieces.append((CubicSpline(times, knots, bc_type="periodic"), period * np.arange(len(cycle))))
        return pieces

    def __call__(self, t: float) -> PointCloud:
        """The cloud at τ_0 + t (τ_K − τ_0)."""
        check_time(t)
        if t == 1:
            return self.at(self.times[-1])
        return self.at(self.times[0] + t * (self.times[-1] - self.times[0]))

    def at(self, time: float) -> PointCloud:
        """The cloud at a time from τ_0 to τ_K; at a keyframe's own time its rows exactly, in the trajectories' order.

        Raises:
            ValueError: another time.
        """
        if not self.times[0] <= time <= self.times[-1]:
            raise ValueError(f"time: wanted a number from {self.times[0]} to {self.times[-1]}, got {time}")
        if time in self.times:
            keyframe = list(self.times).index(time)
            rows = torch.from_numpy(self._trajectories.rows[keyframe])
            return PointCloud(self._keyframes[keyframe].rows[rows], self._trajectories.mass)
        return PointCloud(self.derivative(time, 0).to(self.start.rows), self._trajectories.mass)

    def derivative(self, time: float, order: int) -> Float[Tensor, "k d"]:
        """Of the rows with respect to time, (k, d) float64; order 0: the rows, 1: velocities, 2: accelerations."""
        parts = [spline(time + offsets, order).reshape(-1, self.start.dimension) for spline, offsets in self._pieces]
        return torch.from_numpy(np.concatenate(parts))
