"""Which way from B to A: clouds, the distances between them, and the paths that join them. Knows no model.

Table of contents, in reading order:

- :mod:`geometry.cloud`: a conditioning as a point of P(R^d), not of R^(n×d)
- :mod:`geometry.ground`: how far apart two rows are
- :mod:`geometry.coupling`, :mod:`geometry.soft_coupling`: which row of A travels to which row of B
- :mod:`geometry.distance`: Frobenius, Wasserstein and their kin, and the bounds between them
- :mod:`geometry.path`, :mod:`geometry.attention_interpolation`: t ↦ cloud
- :mod:`geometry.method`: coupling × path, under the names used everywhere
- :mod:`geometry.parametrisation`: at which t
- :mod:`geometry.barycenter`: one cloud between many
- :mod:`geometry.pairwise`, :mod:`geometry.neighbours`, :mod:`geometry.embedding`: thousands of clouds
"""

from geometry.attention_interpolation import AttendedCloud, AttentionInterpolationPath
from geometry.barycenter import barycenter
from geometry.cloud import PointCloud
from geometry.coupling import Coupling, identity_coupling, optimal_coupling, random_coupling
from geometry.distance import (
    centroid_distance,
    frobenius,
    hellinger_kantorovich,
    rms_frobenius,
    sinkhorn_divergence,
    sliced_wasserstein,
    transport_cost,
    wasserstein,
)
from geometry.embedding import flatten_rows, linearise, slice_rows
from geometry.ground import EUCLIDEAN, Cosine, CrossAttention, Euclidean, GroundMetric
from geometry.method import COUPLINGS, METHODS, PATHS, TOKENS, Method, build_path, couple, find_method
from geometry.neighbours import Neighbours, nearest_neighbours
from geometry.pairwise import CloudStack, pairwise_wasserstein
from geometry.parametrisation import constant_speed_times, uniform_times
from geometry.path import (
    DisplacementPath,
    HellingerKantorovichPath,
    MixturePath,
    PartialPath,
    Path,
    PiecewisePath,
    SlerpPath,
    SphericalPath,
)
from geometry.soft_coupling import entropic_coupling, partial_coupling, unbalanced_coupling

__all__ = [
    "COUPLINGS",
    "EUCLIDEAN",
    "METHODS",
    "PATHS",
    "TOKENS",
    "AttendedCloud",
    "AttentionInterpolationPath",
    "CloudStack",
    "Cosine",
    "Coupling",
    "CrossAttention",
    "DisplacementPath",
    "Euclidean",
    "GroundMetric",
    "HellingerKantorovichPath",
    "Method",
    "MixturePath",
    "Neighbours",
    "PartialPath",
    "Path",
    "PiecewisePath",
    "PointCloud",
    "SlerpPath",
    "SphericalPath",
    "barycenter",
    "build_path",
    "centroid_distance",
    "constant_speed_times",
    "couple",
    "entropic_coupling",
    "find_method",
    "flatten_rows",
    "frobenius",
    "hellinger_kantorovich",
    "identity_coupling",
    "linearise",
    "nearest_neighbours",
    "optimal_coupling",
    "pairwise_wasserstein",
    "partial_coupling",
    "random_coupling",
    "rms_frobenius",
    "sinkhorn_divergence",
    "slice_rows",
    "sliced_wasserstein",
    "transport_cost",
    "unbalanced_coupling",
    "uniform_times",
    "wasserstein",
]
