"""Which way from B to A: clouds, the distances between them, and the paths that join them. Knows no model.

Table of contents, in reading order:

- :mod:`whichway.geometry.cloud`: a conditioning as a point of P(R^d), not of R^(n×d)
- :mod:`whichway.geometry.ground`: how far apart two rows are
- :mod:`whichway.geometry.coupling`, :mod:`whichway.geometry.soft_coupling`: which row of A travels to which row of B
- :mod:`whichway.geometry.distance`: Frobenius, Wasserstein and their kin, and the bounds between them
- :mod:`whichway.geometry.path`, :mod:`whichway.geometry.attention_interpolation`: t ↦ cloud
- :mod:`whichway.geometry.method`: coupling × path, under the names used everywhere
- :mod:`whichway.geometry.parametrisation`: at which t
- :mod:`whichway.geometry.barycenter`: one cloud between many
- :mod:`whichway.geometry.pairwise`, :mod:`whichway.geometry.neighbours`, :mod:`whichway.geometry.embedding`: thousands
of clouds
"""

from whichway.geometry.attention_interpolation import AttendedCloud, AttentionInterpolationPath
from whichway.geometry.barycenter import barycenter
from whichway.geometry.cloud import PointCloud
from whichway.geometry.coupling import Coupling, identity_coupling, optimal_coupling, random_coupling
from whichway.geometry.distance import (
    centroid_distance,
    frobenius,
    hellinger_kantorovich,
    rms_frobenius,
    sinkhorn_divergence,
    sliced_wasserstein,
    transport_cost,
    wasserstein,
)
from whichway.geometry.embedding import flatten_rows, linearise, slice_rows
from whichway.geometry.ground import EUCLIDEAN, Cosine, CrossAttention, Euclidean, GroundMetric
from whichway.geometry.method import COUPLINGS, METHODS, PATHS, TOKENS, Method, build_path, couple, find_method
from whichway.geometry.neighbours import Neighbours, nearest_neighbours
from whichway.geometry.pairwise import CloudStack, pairwise_wasserstein
from whichway.geometry.parametrisation import constant_speed_times, uniform_times
from whichway.geometry.path import (
    DisplacementPath,
    HellingerKantorovichPath,
    MixturePath,
    PartialPath,
    Path,
    PiecewisePath,
    SlerpPath,
    SphericalPath,
)
from whichway.geometry.soft_coupling import entropic_coupling, partial_coupling, unbalanced_coupling

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
