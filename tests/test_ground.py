"""Ground metrics: agreement with SciPy and with the formula, and what each is blind to."""

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from tests.conftest import random_cloud
from whichway.geometry import (
    EUCLIDEAN,
    Cosine,
    CrossAttention,
    GroundMetric,
    PointCloud,
    rms_frobenius,
    sinkhorn_divergence,
    sliced_wasserstein,
    wasserstein,
)
from whichway.geometry.ground import ground_costs

A, B, C = (random_cloud(9, 6, seed) for seed in range(3))
FACTOR = torch.randn(4, 6, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
GROUNDS = [EUCLIDEAN, Cosine(), CrossAttention(FACTOR)]
quick = settings(max_examples=25, deadline=None)


def named(ground):
    return ground.name


@pytest.mark.parametrize("ground", GROUNDS, ids=named)
def test_costs_are_the_euclidean_distances_of_the_features(ground):
    assert isinstance(ground, GroundMetric)
    x, y = (ground.features(cloud.rows).numpy() for cloud in (A, B))
    assert ground_costs(A, B, ground).numpy() == pytest.approx(cdist(x, y))


def test_cosine_is_the_chord_of_scipys_cosine():
    wanted = np.sqrt(2 * cdist(A.rows.numpy(), B.rows.numpy(), "cosine"))
    assert ground_costs(A, B, Cosine()).numpy() == pytest.approx(wanted)
    longer = PointCloud(7 * B.rows)
    assert wasserstein(A, longer, ground=Cosine()) == pytest.approx(wasserstein(A, B, ground=Cosine()))


def test_cross_attention_is_the_quadratic_form():
    m = (FACTOR.T @ FACTOR).numpy()
    wanted = cdist(A.rows.numpy(), B.rows.numpy(), "mahalanobis", VI=m)
    assert ground_costs(A, B, CrossAttention(FACTOR)).numpy() == pytest.approx(wanted)


def test_cross_attention_is_zero_exactly_on_the_kernel():
    kernel = torch.linalg.svd(FACTOR).Vh[4:]  # the two directions that the factor does not see
    moved = PointCloud(A.rows + torch.randn(9, 2, dtype=torch.float64) @ kernel)
    assert wasserstein(A, moved) > 0.1
    assert wasserstein(A, moved, ground=CrossAttention(FACTOR)) == pytest.approx(0, abs=1e-6)
    assert wasserstein(A, PointCloud(A.rows + FACTOR[0]), ground=CrossAttention(FACTOR)) > 0.1


@quick
@given(st.integers(0, 1000), st.sampled_from(GROUNDS))
def test_wasserstein_is_a_metric_under_every_ground(seed, ground):
    a, b, c = (random_cloud(6, 6, 3 * seed + k) for k in range(3))
    ab, bc, ac = (wasserstein(x, y, ground=ground) for x, y in ((a, b), (b, c), (a, c)))
    assert wasserstein(b, a, ground=ground) == pytest.approx(ab)
    assert ac <= (ab + bc) * (1 + 1e-9)
    assert wasserstein(a.take([5, 0, 3, 1, 2, 4]), b, ground=ground) == pytest.approx(ab)
    assert ab <= rms_frobenius(PointCloud(ground.features(a.rows)), PointCloud(ground.features(b.rows))) * (1 + 1e-9)


@pytest.mark.parametrize("ground", GROUNDS, ids=named)
def test_wasserstein_agrees_with_pot_under_every_ground(ground):
    costs = ground_costs(A, B, ground).numpy()
    wanted = ot.emd2(ot.unif(9), ot.unif(9), costs**2) ** 0.5
    assert wasserstein(A, B, ground=ground) == pytest.approx(wanted, rel=1e-6)


def test_sliced_wasserstein_is_of_measures_and_below_wasserstein():
    value = sliced_wasserstein(A, B, seed=1)
    assert sliced_wasserstein(A.take([*range(1, 9), 0]), B, seed=1) == pytest.approx(value)
    assert 0 < value < wasserstein(A, B)
    shifted = PointCloud(A.rows + 1.0)  # along one direction θ a shift by v costs |⟨θ, v⟩|: ‖v‖/√d on average
    assert sliced_wasserstein(A, shifted, projections=5000) == pytest.approx(1.0, rel=0.05)


def test_sliced_wasserstein_counts_the_weights():
    """A row of twice the mass is two equal rows."""
    doubled, weighted = A.take([0, *range(9)]), PointCloud(A.rows, torch.tensor([2.0] + [1.0] * 8).double())
    assert sliced_wasserstein(doubled, weighted) == pytest.approx(0, abs=1e-6)
    assert sliced_wasserstein(doubled, A) > 0.01


def test_the_sinkhorn_divergence_is_zero_at_home_and_near_wasserstein_for_little_regularisation():
    assert sinkhorn_divergence(A, A) == pytest.approx(0, abs=1e-6)
    assert sinkhorn_divergence(A, B, regularisation=0.02) == pytest.approx(wasserstein(A, B), rel=0.05)
    assert sinkhorn_divergence(A, B) == pytest.approx(sinkhorn_divergence(B, A))


def test_the_sinkhorn_divergence_is_of_the_cost_with_its_entropy():
    """For one row against two the plan is the product, and the entropic cost the mean cost: a closed form."""
    one, two = PointCloud(torch.zeros(1, 2).double()), PointCloud(torch.tensor([[3.0, 0.0], [0.0, 5.0]]).double())
    epsilon = 0.05 * 17.0
    kernel = np.array([[1.0, np.exp(-34 / epsilon)], [np.exp(-34 / epsilon), 1.0]])
    plan = kernel / kernel.sum()  # symmetric, so its marginals are even
    within = float((plan * (34 * (1 - np.eye(2)))).sum() + epsilon * (plan * np.log(plan / 0.25)).sum())
    assert sinkhorn_divergence(one, two) == pytest.approx(np.sqrt(17 - within / 2), rel=1e-6)


def test_the_sinkhorn_divergence_is_that_of_the_features():
    metric = CrossAttention(FACTOR)
    there = [PointCloud(metric.features(cloud.rows), cloud.weights) for cloud in (A, B)]
    assert sinkhorn_divergence(A, B, ground=metric) == pytest.approx(sinkhorn_divergence(*there), rel=1e-6)


def test_more_projections_are_other_directions():
    few, many = (sliced_wasserstein(A, B, projections=count) for count in (3, 50))
    assert few != pytest.approx(many, rel=1e-6)
    assert few != pytest.approx(sliced_wasserstein(A, B, projections=3, seed=1), rel=1e-6)


def test_rows_far_out_and_close_together_are_as_far_apart_as_they_are():
    """‖x‖² + ‖y‖² − 2⟨x, y⟩ would lose all digits of it."""
    apart = 1e-6 * torch.randn(9, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    far = PointCloud(1e3 + A.rows)
    costs = ground_costs(far, PointCloud(far.rows + apart)).diagonal()
    assert torch.allclose(costs, apart.norm(dim=1), rtol=1e-6, atol=0)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"rows of width 6; got rows of shape \(9, 5\)"):
        wasserstein(random_cloud(9, 5, 0), random_cloud(9, 5, 1), ground=CrossAttention(FACTOR))
    with pytest.raises(ValueError, match="not zero; 9 are"):
        wasserstein(PointCloud(0 * A.rows), B, ground=Cosine())
    with pytest.raises(ValueError, match="regularisation: wanted a positive number, got 0"):
        sinkhorn_divergence(A, B, regularisation=0)
