"""Distances between clouds: as matrices (Frobenius), as measures (Wasserstein), and the bounds that hold between them.

Always: centroid_distance(A, B) ≤ W_2(A, B) ≤ rms_frobenius(A, B).
"""

import torch

from geometry.cloud import PointCloud
from geometry.coupling import Coupling, identity_coupling, optimal_coupling, require_same_shape, require_same_width


def frobenius(a: PointCloud, b: PointCloud) -> float:
    """‖X − Y‖_F of the two matrices of rows. Depends on the order of the rows, which the model does not see.

    Raises:
        ValueError: clouds of different shape.
    """
    require_same_shape(a, b)
    return float(torch.linalg.norm((a.rows - b.rows).double()))


def rms_frobenius(a: PointCloud, b: PointCloud) -> float:
    """The cost of the identity coupling, ‖X − Y‖_F / √n for uniform weights: what compares with W_2.

    Raises:
        ValueError: clouds of different shape or weights.
    """
    return transport_cost(a, b, identity_coupling(a, b), p=2)


def wasserstein(a: PointCloud, b: PointCloud, *, p: float = 2) -> float:
    """W_p(A, B) = (min_π Σ_ij π_ij ‖x_i − y_j‖^p)^(1/p), exact.

    Not squared (unlike POT's ``emd2``), and a metric on measures: permuting the rows of either cloud changes nothing.

    Raises:
        ValueError: clouds of different width, or p < 1.
    """
    return transport_cost(a, b, optimal_coupling(a, b, p=p), p=p)


def transport_cost(a: PointCloud, b: PointCloud, coupling: Coupling, *, p: float = 2) -> float:
    """(Σ_k m_k ‖x_s(k) − y_t(k)‖^p)^(1/p): what moving along ``coupling`` costs, in float64."""
    steps = (a.rows[coupling.sources].double() - b.rows[coupling.targets].double()).norm(dim=1)
    mass = coupling.mass.double() / coupling.mass.double().sum()
    return float((mass * steps**p).sum() ** (1 / p))


def centroid_distance(a: PointCloud, b: PointCloud) -> float:
    """‖mean(A) − mean(B)‖, a lower bound of W_2.

    Raises:
        ValueError: clouds of different width.
    """
    require_same_width(a, b)
    return float(torch.linalg.norm(a.mean().double() - b.mean().double()))
