"""A renderer's instruction that travels with a cloud: attend to these other frames while this one is made."""

from dataclasses import dataclass

from whichway.geometry import PointCloud


@dataclass(frozen=True, eq=False)
class AttendedCloud(PointCloud):
    """A cloud on the way from A to B, and how its frame attends to the frames of A and B while it is made.

    Only a renderer knows what to do with it; to everything else it is a cloud.

    Attributes:
        ends: A and B.
        t: where on the way.
        kind: "inner" or "outer" (:mod:`whichway.analysis.paths.attention_interpolation`).
    """

    ends: tuple[PointCloud, ...] = ()
    t: float = 0.0
    kind: str = "outer"
