"""Which way from B to A: clouds, the distances between them, and the paths that join them. Knows no model.

Table of contents, in reading order:

- :mod:`geometry.cloud`: a conditioning as a point of P(R^d), not of R^(n×d)
- :mod:`geometry.coupling`: which row of A travels to which row of B
- :mod:`geometry.distance`: Frobenius, Wasserstein, and the bounds between them
- :mod:`geometry.path`: t ↦ cloud
- :mod:`geometry.method`: coupling × path, under the names used everywhere
"""

from geometry.cloud import PointCloud
from geometry.coupling import Coupling, identity_coupling, optimal_coupling, random_coupling
from geometry.distance import centroid_distance, frobenius, rms_frobenius, wasserstein
from geometry.method import METHODS, Method, build_path
from geometry.path import DisplacementPath, Path, SlerpPath

__all__ = [
    "METHODS",
    "Coupling",
    "DisplacementPath",
    "Method",
    "Path",
    "PointCloud",
    "SlerpPath",
    "build_path",
    "centroid_distance",
    "frobenius",
    "identity_coupling",
    "optimal_coupling",
    "random_coupling",
    "rms_frobenius",
    "wasserstein",
]
