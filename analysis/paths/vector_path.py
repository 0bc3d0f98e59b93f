"""How a vector beside the rows (a pooled text) goes from A to B.

A vector v is the cloud of one row, δ_v, and moves as the method moves its rows: on its great circle where they move on
great circles, else straight. A path on which mass goes over from rows to other rows cannot do that to a vector, which
has one place: there it moves straight too. That is the choice "auto"; the others are the same for every method.
"""

from jaxtyping import Float
from torch import Tensor

from whichway.geometry import PATHS, DisplacementPath, PointCloud, SphericalPath, find_method, identity_coupling
from whichway.geometry.path import Path


def vector_path(start: Float[Tensor, " d"], end: Float[Tensor, " d"], choice: str, method: str) -> Path:
    """The path from δ_start to δ_end; a vector that is held is a path from itself to itself.

    Args:
        choice: one of :data:`whichway.analysis.vocabulary.POOLED`.
        method: by which the rows beside it move; only "auto" looks at it.

    Raises:
        ValueError: vectors of different width, or opposite ones, between which there is no one great circle.
    """
    if choice == "auto":
        choice = "spherical" if PATHS[find_method(method).path].great_circle else "linear"
    a = PointCloud((end if choice == "end" else start)[None])
    b = PointCloud((start if choice == "start" else end)[None])
    if choice != "spherical":
        return DisplacementPath(a, b, identity_coupling(a, b))
    try:
        return SphericalPath(a, b, identity_coupling(a, b))
    except ValueError as error:
        raise ValueError("between opposite vectors there is no one great circle; 'linear' moves them") from error
