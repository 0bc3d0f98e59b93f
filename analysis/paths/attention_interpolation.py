"""AID's paths: clouds that carry how their frames attend to the frames at both ends. Registered as methods below."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch

from whichway.analysis.images.attended_cloud import AttendedCloud
from whichway.geometry import Coupling, Method, PathRule, PointCloud, identity_coupling, register_method, register_path
from whichway.geometry.coupling import require_marginals
from whichway.geometry.ground import require_same_shape
from whichway.geometry.path import W2, check_time

KINDS = ("inner", "outer")


@dataclass(frozen=True, eq=False)
class AttentionInterpolationPath:
    """AID (He et al. 2024, arXiv:2403.17924), fused: in cross- and self-attention, keys and values of a frame (K, V)
    are joined by those of the frames of A and B at the same layer and sampling step.

    - inner: Attn(Q, [K, (1−t) K_A + t K_B], [V, (1−t) V_A + t V_B])
    - outer: (1−t) Attn(Q, [K, K_A], [V, V_A]) + t Attn(Q, [K, K_B], [V, V_B])

    As the authors run it, so during the first half of the sampling steps, and where the image is guided, in the
    conditional half of the batch (:mod:`whichway.analysis.images.attention_interpolation`). Their choice of t,
    :func:`whichway.geometry.beta_times`, is the parametrisation "beta"; it is not the default. Not built: their search
    for α and β, and prompt guidance (PAID).

    The frame's own text is the linear interpolation of the matrices, as the authors have it: the identity coupling.
    Any permutation may take its place, the optimal one for instance: then rows are interpolated with the rows that they
    are matched with, in text and in keys, and B comes in that order. Keys are linear in rows, so that inner
    interpolation of cross-attention alone would be exactly the displacement path; what AID adds is self-attention
    across frames. At both ends the rows joined are copies of those that are there, which attention does not see: A and
    B, as they are.

    Raises:
        ValueError: clouds of different shape or of weights that are not uniform, a coupling that is no permutation, or
            another kind.
    """

    start: PointCloud
    end: PointCloud
    kind: str = "outer"
    coupling: Coupling = None  # type: ignore[assignment]  # the identity, filled in below
    length_in: ClassVar[str] = W2  # of the clouds, without what their frames attend to

    def __post_init__(self) -> None:
        require_same_shape(self.start, self.end)
        if not (self.start.is_uniform and self.end.is_uniform):
            raise ValueError("attention interpolation needs clouds of uniform weights; got other weights")
        if self.kind not in KINDS:
            raise ValueError(f"kind: unknown {self.kind!r}; known: {', '.join(KINDS)}")
        if self.coupling is None:
            object.__setattr__(self, "coupling", identity_coupling(self.start, self.end))
        require_marginals(self.coupling, self.start, self.end, "attention interpolation")
        if len(self.coupling.mass) != len(self.start):
            raise ValueError(
                "attention interpolation needs a coupling that is a permutation; this one splits rows: "
                f"{len(self.coupling.mass)} matches of {len(self.start)} rows"
            )

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        start, end = self._matched
        if t in (0, 1):
            return end if t else start
        rows = torch.lerp(start.rows, end.rows, t)
        return AttendedCloud(rows, self.start.weights, ends=(start, end), t=t, kind=self.kind)

    @cached_property
    def _matched(self) -> tuple[PointCloud, PointCloud]:
        """A and B, row k of the one matched with row k of the other; as they are where none changes its index."""
        if self.coupling.share_moved == 0:
            return self.start, self.end
        order = torch.empty_like(self.coupling.targets)
        order[self.coupling.sources] = self.coupling.targets
        return self.start, PointCloud(self.end.rows[order], self.end.weights[order])


for _kind, _path, _method in (
    (
        "inner",
        "matched rows, keys and values interpolated with those of both ends' frames",
        "frames attend to interpolated keys and values of both ends' frames",
    ),
    (
        "outer",
        "matched rows, attention outputs interpolated between both ends' frames",
        "frames attend to both ends' frames, outputs interpolated",
    ),
):
    register_path(
        f"aid-{_kind}",
        PathRule(
            _path,
            lambda a, b, coupling, *_, kind=_kind: AttentionInterpolationPath(a, b, kind, coupling),
            AttentionInterpolationPath.length_in,
        ),
    )
    register_method(f"aid-{_kind}", Method(_method, "identity", f"aid-{_kind}"))
