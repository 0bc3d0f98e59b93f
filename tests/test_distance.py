"""Distances as mathematics: axioms on random clouds, the sandwich of bounds, and agreement with POT."""

from functools import partial

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import random_cloud
from whichway.geometry import (
    PointCloud,
    centroid_distance,
    frobenius,
    identity_coupling,
    optimal_coupling,
    random_coupling,
    rms_frobenius,
    wasserstein,
)
from whichway.geometry.coupling import marginals
from whichway.geometry.distance import transport_cost

RELATIVE = 1e-9  # float64, a few thousand additions
seeds = st.integers(0, 10_000)
shapes = st.tuples(st.integers(1, 12), st.integers(1, 6))
quick = settings(max_examples=40, deadline=None)


@quick
@given(shapes, seeds, st.sampled_from([1.0, 2.0]), st.booleans())
def test_wasserstein_is_a_metric_on_measures(shape, seed, p, weighted):
    a, b, c = (random_cloud(*shape, 3 * seed + k, weighted=weighted) for k in range(3))
    ab, bc, ac = wasserstein(a, b, p=p), wasserstein(b, c, p=p), wasserstein(a, c, p=p)
    assert wasserstein(b, a, p=p) == pytest.approx(ab, rel=RELATIVE)
    assert ac <= (ab + bc) * (1 + RELATIVE)
    order = np.random.default_rng(seed).permutation(len(a)).tolist()
    # A float64 ground metric of identical rows is exactly zero, so is the distance of a cloud to its permutation.
    assert wasserstein(a, a.take(order), p=p) == pytest.approx(0, abs=1e-7)
    assert wasserstein(a.take(order), b, p=p) == pytest.approx(ab, rel=RELATIVE)


@quick
@given(shapes, seeds)
def test_centroid_below_wasserstein_below_rms_frobenius(shape, seed):
    a, b = random_cloud(*shape, seed), random_cloud(*shape, seed + 1)
    assert centroid_distance(a, b) <= wasserstein(a, b) * (1 + RELATIVE)
    assert wasserstein(a, b) <= rms_frobenius(a, b) * (1 + RELATIVE)
    assert rms_frobenius(a, b) == pytest.approx(frobenius(a, b) / len(a) ** 0.5, rel=RELATIVE)


def test_centroids_are_weighted():
    a, b = random_cloud(8, 3, 6, weighted=True), random_cloud(5, 3, 7, weighted=True)
    means = [np.average(cloud.rows.numpy(), axis=0, weights=cloud.weights.numpy()) for cloud in (a, b)]
    assert centroid_distance(a, b) == pytest.approx(np.linalg.norm(means[0] - means[1]))
    assert centroid_distance(a, b) <= wasserstein(a, b)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sizes", [(20, 20), (20, 13)])
@pytest.mark.parametrize("p", [1, 2])
def test_agrees_with_pot(p, sizes, weighted):
    a, b = (random_cloud(n, 7, seed, weighted=weighted) for seed, n in enumerate(sizes))
    metric = {1: "euclidean", 2: "sqeuclidean"}[p]
    costs = ot.dist(a.rows.numpy(), b.rows.numpy(), metric=metric)
    expected = ot.emd2(a.weights.numpy(), b.weights.numpy(), costs) ** (1 / p)
    assert wasserstein(a, b, p=p) == pytest.approx(expected, rel=1e-6)


def test_agrees_with_scipy_in_one_dimension():
    from scipy.stats import wasserstein_distance

    a, b = random_cloud(30, 1, 0, weighted=True), random_cloud(17, 1, 1, weighted=True)
    expected = wasserstein_distance(a.rows[:, 0], b.rows[:, 0], a.weights, b.weights)
    assert wasserstein(a, b, p=1) == pytest.approx(expected, rel=1e-9)


def test_translation_costs_its_length():
    a = random_cloud(9, 4, 2)
    shift = torch.tensor([3.0, 0, 4.0, 0], dtype=torch.float64)
    assert wasserstein(a, PointCloud(a.rows + shift)) == pytest.approx(5.0)


def test_optimal_is_the_cheapest_of_all_permutations():
    from itertools import permutations

    a, b = random_cloud(6, 3, 4), random_cloud(6, 3, 5)
    costs = [rms_frobenius(a, b.take(order)) for order in permutations(range(6))]
    assert wasserstein(a, b) == pytest.approx(min(costs))


@pytest.mark.parametrize("couple", [identity_coupling, random_coupling, optimal_coupling])
def test_couplings_have_the_clouds_as_marginals(couple):
    a, b = random_cloud(8, 3, 6), random_cloud(8, 3, 7)
    plan = couple(a, b).plan(len(a), len(b))
    assert torch.allclose(plan.sum(dim=1), a.weights)
    assert torch.allclose(plan.sum(dim=0), b.weights)


def test_soft_optimal_plan_has_the_weights_as_marginals():
    a, b = random_cloud(8, 3, 6, weighted=True), random_cloud(5, 3, 7, weighted=True)
    coupling = optimal_coupling(a, b)
    plan = coupling.plan(8, 5)
    assert torch.allclose(plan.sum(dim=1), a.weights)
    assert torch.allclose(plan.sum(dim=0), b.weights)
    assert transport_cost(a, b, coupling) == pytest.approx(wasserstein(a, b))


def test_random_coupling_is_seeded():
    a, b = random_cloud(50, 2, 0), random_cloud(50, 2, 1)
    first, again, other = (random_coupling(a, b, seed=seed).targets for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert sorted(first.tolist()) == list(range(50))


def test_share_moved_counts_rows_that_change_place():
    a = random_cloud(10, 3, 8)
    swapped = a.take([1, 0, *range(2, 10)])
    assert identity_coupling(a, swapped).share_moved == 0
    assert optimal_coupling(a, swapped).share_moved == pytest.approx(0.2)


@pytest.mark.parametrize("distance", [frobenius, rms_frobenius, wasserstein, centroid_distance])
def test_clouds_of_different_width_are_refused_with_both_shapes(distance):
    with pytest.raises(ValueError, match=r"\(4, 3\) and \(4, 5\)"):
        distance(random_cloud(4, 3, 0), random_cloud(4, 5, 1))


def test_identity_and_random_refuse_what_they_cannot_couple():
    with pytest.raises(ValueError, match=r"\(4, 3\) and \(5, 3\)"):
        identity_coupling(random_cloud(4, 3, 0), random_cloud(5, 3, 1))
    with pytest.raises(ValueError, match="equal weights"):
        identity_coupling(random_cloud(4, 3, 0), random_cloud(4, 3, 1, weighted=True))
    with pytest.raises(ValueError, match="uniform weights"):
        random_coupling(random_cloud(4, 3, 0), random_cloud(4, 3, 1, weighted=True))


def test_exponent_below_one_is_refused():
    a, b = random_cloud(4, 3, 0), random_cloud(4, 3, 1)
    for measure in (wasserstein, optimal_coupling, partial(transport_cost, coupling=identity_coupling(a, b))):
        with pytest.raises(ValueError, match="p: wanted at least 1"):
            measure(a, b, p=0.5)


def test_one_uniform_cloud_does_not_make_a_permutation():
    uniform, weighted = random_cloud(5, 3, 0), random_cloud(5, 3, 1, weighted=True)
    for a, b in ((uniform, weighted), (weighted, uniform)):
        for seen, cloud in zip(marginals(optimal_coupling(a, b), a, b), (a, b), strict=True):
            assert seen == pytest.approx(cloud.weights, abs=1e-9)
