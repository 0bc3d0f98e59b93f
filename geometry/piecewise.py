"""One path after another: through several prompts."""

from collections.abc import Sequence
from dataclasses import dataclass

from whichway.geometry.cloud import PointCloud
from whichway.geometry.path import W1, W2, Path, check_time


@dataclass(frozen=True, eq=False)
class PiecewisePath:
    """One path after another, each for as long as its duration says.

    Args:
        durations: one positive number for each path, of which only the ratios count; default: all equal.

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

    @property
    def length_in(self) -> str | None:
        """The distance that all parts have a length in; W_1 where it is W_2 for some, and W_1 ≤ W_2."""
        kinds = {path.length_in for path in self.paths}
        if kinds <= {W1, W2}:
            return W2 if kinds == {W2} else W1
        return None  # each unbalanced part has a κ of its own

    def __call__(self, t: float) -> PointCloud:
        check_time(t)
        left = t * sum(self.durations)
        for path, duration in zip(self.paths[:-1], self.durations, strict=False):
            if left <= duration:
                return path(left / duration)
            left -= duration
        return self.paths[-1](min(left / self.durations[-1], 1.0))
