"""AID's paths: clouds that carry how their frames attend to the frames at both ends. Registered as methods below."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from whichway.analysis.images.attended_cloud import AttendedCloud
from whichway.geometry import Method, PathRule, PointCloud, register_method, register_path
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

    The frame's own text is the linear interpolation of the matrices. Keys are linear in rows, so that inner
    interpolation of cross-attention alone would be exactly that; what AID adds is self-attention across frames. At both
    ends the rows joined are copies of those that are there, which attention does not see: A and B, as they are.

    Raises:
        ValueError: clouds of different shape or of weights that are not uniform, or another kind.
    """

    start: PointCloud
    end: PointCloud
    kind: str = "outer"
    length_in: ClassVar[str] = W2  # of the clouds, without what their frames attend to

    def __post_init__(self) -> None:
        require_same_shape(self.start, self.end)
        if not (self.start.is_uniform and self.end.is_uniform):
            raise ValueError("attention interpolation needs clouds of uniform weights; got other weights")
        if self.kind not in KINDS:
            raise ValueError(f"kind: unknown {self.kind!r}; known: {', '.join(KINDS)}")

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        if t in (0, 1):
            return self.end if t else self.start
        rows = torch.lerp(self.start.rows, self.end.rows, t)
        return AttendedCloud(rows, self.start.weights, ends=(self.start, self.end), t=t, kind=self.kind)


register_path(
    "aid-inner",
    PathRule(
        "keys and values interpolated",
        lambda a, b, *_: AttentionInterpolationPath(a, b, "inner"),
        AttentionInterpolationPath.length_in,
        coupled=False,
    ),
)
register_path(
    "aid-outer",
    PathRule(
        "attention outputs interpolated",
        lambda a, b, *_: AttentionInterpolationPath(a, b, "outer"),
        AttentionInterpolationPath.length_in,
        coupled=False,
    ),
)
register_method(
    "aid-inner", Method("frames attend to interpolated keys and values of both ends' frames", None, "aid-inner")
)
register_method("aid-outer", Method("frames attend to both ends' frames, outputs interpolated", None, "aid-outer"))
