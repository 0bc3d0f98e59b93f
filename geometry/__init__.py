"""Which way from B to A: clouds, the distances between them, and the paths that join them. Knows no model.

Table of contents, in reading order:

- :mod:`whichway.geometry.cloud`: a conditioning as a point of P(R^d), not of R^(n×d)
- :mod:`whichway.geometry.ground`: how far apart two rows are
- :mod:`whichway.geometry.coupling`, :mod:`whichway.geometry.soft_coupling`: which row of A travels to which row of B
- :mod:`whichway.geometry.order_aware`: the same, for rows that have a place in their prompt
- :mod:`whichway.geometry.distance`: Frobenius, Wasserstein and their kin, and the bounds between them
- :mod:`whichway.geometry.path`: t ↦ cloud, and in which distance it has a length
- :mod:`whichway.geometry.displacement`, :mod:`whichway.geometry.great_circle`: rows move, straight or on great circles
- :mod:`whichway.geometry.mixture`: rows fade; :mod:`whichway.geometry.unbalanced`: rows do both
- :mod:`whichway.geometry.piecewise`: one path after another
- :mod:`whichway.geometry.trajectories`, :mod:`whichway.geometry.spline`: one smooth path through many clouds
- :mod:`whichway.geometry.method`: coupling × path, under the names used everywhere; :mod:`whichway.geometry.tokens`: of
  which rows
- :mod:`whichway.geometry.length`, :mod:`whichway.geometry.parametrisation`: how long, and at which t
- :mod:`whichway.geometry.barycenter`: one cloud between many
- :mod:`whichway.geometry.cloud_stack`, :mod:`whichway.geometry.stored_rows`: thousands of clouds, in memory or on disk
- :mod:`whichway.geometry.pairwise`, :mod:`whichway.geometry.assignment`: W_2 between all of them
- :mod:`whichway.geometry.lower_bounds`, :mod:`whichway.geometry.neighbours`: the nearest of them
- :mod:`whichway.geometry.embedding`: clouds as vectors
"""

from whichway.geometry.barycenter import barycenter
from whichway.geometry.cloud import PointCloud
from whichway.geometry.cloud_stack import CloudStack
from whichway.geometry.coupling import Coupling, identity_coupling, optimal_coupling, random_coupling
from whichway.geometry.displacement import DisplacementPath
from whichway.geometry.distance import (
    centroid_distance,
    frobenius,
    rms_frobenius,
    sinkhorn_divergence,
    sliced_wasserstein,
    transport_cost,
    wasserstein,
)
from whichway.geometry.embedding import flatten_rows, linearise, slice_rows
from whichway.geometry.great_circle import SlerpPath, SphericalPath
from whichway.geometry.ground import EUCLIDEAN, Cosine, CrossAttention, Euclidean, GroundMetric
from whichway.geometry.length import step_lengths
from whichway.geometry.method import (
    COUPLINGS,
    METHODS,
    PATHS,
    CouplingRule,
    Method,
    PathRule,
    build_path,
    couple,
    find_method,
    immediate_methods,
    register_coupling,
    register_method,
    register_path,
)
from whichway.geometry.mixture import MixturePath, PartialPath
from whichway.geometry.neighbours import Neighbours, nearest_neighbours
from whichway.geometry.order_aware import fused_gromov_coupling, ordered_coupling
from whichway.geometry.pairwise import pairwise_wasserstein
from whichway.geometry.parametrisation import beta_times, constant_speed_times, uniform_times
from whichway.geometry.path import Path
from whichway.geometry.piecewise import PiecewisePath
from whichway.geometry.soft_coupling import entropic_coupling, halved_coupling, partial_coupling
from whichway.geometry.spline import TransportSplinePath
from whichway.geometry.stored_rows import StoredClouds, StoredRows
from whichway.geometry.tokens import TOKENS
from whichway.geometry.unbalanced import (
    HellingerKantorovichPath,
    hellinger_kantorovich,
    spherical_hellinger_kantorovich,
    unbalanced_coupling,
)

__all__ = [
    "COUPLINGS",
    "EUCLIDEAN",
    "METHODS",
    "PATHS",
    "TOKENS",
    "CloudStack",
    "Cosine",
    "Coupling",
    "CouplingRule",
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
    "PathRule",
    "PiecewisePath",
    "PointCloud",
    "SlerpPath",
    "SphericalPath",
    "StoredClouds",
    "StoredRows",
    "TransportSplinePath",
    "barycenter",
    "beta_times",
    "build_path",
    "centroid_distance",
    "constant_speed_times",
    "couple",
    "entropic_coupling",
    "find_method",
    "flatten_rows",
    "frobenius",
    "fused_gromov_coupling",
    "halved_coupling",
    "hellinger_kantorovich",
    "identity_coupling",
    "immediate_methods",
    "linearise",
    "nearest_neighbours",
    "optimal_coupling",
    "ordered_coupling",
    "pairwise_wasserstein",
    "partial_coupling",
    "random_coupling",
    "register_coupling",
    "register_method",
    "register_path",
    "rms_frobenius",
    "sinkhorn_divergence",
    "slice_rows",
    "sliced_wasserstein",
    "spherical_hellinger_kantorovich",
    "step_lengths",
    "transport_cost",
    "unbalanced_coupling",
    "uniform_times",
    "wasserstein",
]
