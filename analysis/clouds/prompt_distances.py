"""How far apart two prompts are: each encoder's clouds, and each pooled vector beside them."""

import math

from whichway.analysis.clouds.parts import named_by_encoder
from whichway.analysis.families import Conditioning
from whichway.geometry import PointCloud, centroid_distance, optimal_coupling, rms_frobenius, wasserstein
from whichway.geometry.coupling import have_equal_weights
from whichway.geometry.great_circle import angles_between

Distances = dict[str, float | None]


def measure_distances(a: Conditioning | PointCloud, b: Conditioning | PointCloud) -> Distances:
    """Distances between two prompts; never one sum over the parts of a conditioning.

    Of each encoder's clouds what :func:`cloud_distances` measures: of several encoders, each name ends in the
    encoder's ("wasserstein_t5"). Of a pooled vector ``distance_pooled``, ‖p_A − p_B‖, and ``angle_pooled``, ∠(p_A, p_B)
    in degrees; None where one of the two is zero.
    """
    if isinstance(a, PointCloud):
        return cloud_distances(a, b if isinstance(b, PointCloud) else b.cloud)
    if isinstance(b, PointCloud):
        return cloud_distances(a.cloud, b)
    named = named_by_encoder(
        {encoder: cloud_distances(cloud, b.clouds[encoder]) for encoder, cloud in a.clouds.items()}
    )
    for name, vector in a.vectors.items():
        start, end = vector.double(), b.vectors[name].double()
        angle = float(angles_between(start[None], end[None])) if start.any() and end.any() else None
        named[f"distance_{name}"] = float((start - end).norm())
        named[f"angle_{name}"] = None if angle is None else math.degrees(angle)
    return named


def cloud_distances(a: PointCloud, b: PointCloud) -> Distances:
    """Distances between two clouds, over all rows and over the prompts' own tokens.

    Most rows of a conditioning are padding that moves little, so the aggregate alone hides what the words do. Own
    tokens: the leading rows up to the longer prompt's end token, of both clouds. RMS Frobenius is None between clouds
    of different size, whose rows have no order in common, and between clouds of different weights, which the identity
    does not couple; so is the share of rows moved, but for different weights.
    """
    own = max(a.size, b.size)
    own_a, own_b = (cloud.take(range(min(own, len(cloud)))) for cloud in (a, b))
    return {
        "rms_frobenius": rms_frobenius(a, b) if have_equal_weights(a, b) else None,
        "wasserstein": wasserstein(a, b),
        "centroid": centroid_distance(a, b),
        "rms_frobenius_own_tokens": rms_frobenius(own_a, own_b) if have_equal_weights(own_a, own_b) else None,
        "wasserstein_own_tokens": wasserstein(own_a, own_b),
        "share_moved": optimal_coupling(a, b).share_moved if len(a) == len(b) else None,
    }
