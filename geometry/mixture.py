"""Rows that fade: mass goes over from the rows of A to those of B, all of it or what a coupling leaves."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from whichway.geometry.cloud import PointCloud
from whichway.geometry.coupling import Coupling, marginal_error, marginals
from whichway.geometry.ground import require_same_width
from whichway.geometry.path import W1, check_time, cloud_of


@dataclass(frozen=True, eq=False)
class MixturePath:
    """μ_t = (1−t) μ_A + t μ_B: no row moves, the weights do. The straight line in the linear structure on measures.

    A geodesic of W_1, W_1(μ_s, μ_t) = |s−t| W_1(A, B) (Kantorovich–Rubinstein: W_1 is a norm of the difference); of
    infinite length in W_2. What attention sees is a mixture of both texts inside one softmax; close kin of
    interpolating attention outputs (AID, arXiv:2403.17924).

    Raises:
        ValueError: clouds of different width.
    """

    start: PointCloud
    end: PointCloud
    length_in: ClassVar[str] = W1

    def __post_init__(self) -> None:
        require_same_width(self.start, self.end)

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        return cloud_of([(self.start.rows, (1 - t) * self.start.weights), (self.end.rows, t * self.end.weights)])


@dataclass(frozen=True, eq=False)
class PartialPath:
    """What the coupling carries moves, straight; what it leaves fades: out at A with 1−t, in at B with t.

    For a coupling that carries part of the mass (:func:`whichway.geometry.soft_coupling.partial_coupling`): between the
    displacement path, which carries all, and the mixture path, which carries none. Its length is at most
    Σ_k m_k c_k + W_1 of what the coupling leaves at A and at B, in W_1; in W_2 it is infinite where mass is left.

    Raises:
        ValueError: clouds of different width, or a coupling that takes more of a row than there is.
    """

    start: PointCloud
    end: PointCloud
    coupling: Coupling
    length_in: ClassVar[str] = W1

    def __post_init__(self) -> None:
        require_same_width(self.start, self.end)
        out, into = marginals(self.coupling, self.start, self.end)
        excess = [(taken - cloud.weights.double()).max() for taken, cloud in ((out, self.start), (into, self.end))]
        if max(excess) > marginal_error(self.coupling):
            raise ValueError("the partial path needs a coupling that takes no more of a row than there is")

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        out, into = marginals(self.coupling, self.start, self.end)
        moving = torch.lerp(self.start.rows[self.coupling.sources], self.end.rows[self.coupling.targets], t)
        return cloud_of(
            [
                (moving, self.coupling.mass),
                (self.start.rows, (1 - t) * (self.start.weights - out.to(self.start.weights))),
                (self.end.rows, t * (self.end.weights - into.to(self.end.weights))),
            ]
        )
