"""How a geodesic is looked for."""

from dataclasses import dataclass

from whichway.analysis.errors import MOST_FRAMES, MOST_ITERATIONS, UserError, require_between, require_finite

MOST_NODES = 9  # images along a geodesic, unless more are wanted: each costs as much as the others


@dataclass(frozen=True)
class GeodesicSettings:
    """What the search costs, and what it may do.

    Attributes:
        iterations: at most; each renders all clouds on the way with gradients.
        tolerance: done when the objective has fallen by less than this share of itself over the last
            :data:`PATIENCE` iterations; 0: all iterations.
        penalty: of leaving the encoder's rows (:mod:`whichway.analysis.geodesics.encoder_prior`), against the energy
            of the initial path; 0: none.
        step: of one iteration, as a share of the rows' root mean square distance from A to B.
        nodes: images along the path, both ends included; None: as many as frames, 9 at most.

    Raises:
        UserError: a value that makes no sense, with what would.
    """

    iterations: int = 40
    tolerance: float = 0.005
    penalty: float = 1.0
    step: float = 0.08
    nodes: int | None = None

    def __post_init__(self) -> None:
        require_between("geodesic iterations", self.iterations, 1, MOST_ITERATIONS)
        for name in ("tolerance", "penalty", "step"):
            require_finite(f"geodesic {name}", getattr(self, name), 0)
        if not self.step:
            raise UserError("geodesic step: wanted a number above 0, got 0")
        if self.nodes is not None:
            require_between("geodesic nodes", self.nodes, 3, MOST_FRAMES)

    def count(self, frames: int) -> int:
        """Images along the path, for a comparison of so many frames."""
        return self.nodes or max(3, min(frames, MOST_NODES))


PATIENCE = 10  # iterations: time to go back twice, to half the step and to a quarter
