"""Couplings that know the order of rows: what they minimise, between what they lie, and what they do not see."""

from itertools import permutations

import numpy as np
import ot
import pytest
import torch

from tests.conftest import random_cloud
from whichway.geometry import (
    EUCLIDEAN,
    PointCloud,
    build_path,
    fused_gromov_coupling,
    halved_coupling,
    identity_coupling,
    optimal_coupling,
    ordered_coupling,
    transport_cost,
    wasserstein,
)
from whichway.geometry.coupling import marginals
from whichway.geometry.ground import ground_costs
from whichway.geometry.order_aware import STRUCTURES, FusedCosts

A, B = random_cloud(8, 5, 0), random_cloud(8, 5, 1)
WEIGHTED = random_cloud(7, 5, 2, weighted=True), random_cloud(5, 5, 3, weighted=True)


def plan_of(coupling, a=A, b=B):
    return coupling.plan(len(a), len(b)).double().numpy()


@pytest.mark.parametrize("seed", range(4, 10))
def test_the_ordered_coupling_is_that_of_brute_force(seed):
    a, b = random_cloud(6, 3, seed), random_cloud(6, 3, seed + 1)
    squares = ground_costs(a, b).square().numpy()
    places = np.arange(6) / 6
    costs = squares + 0.7 * squares.mean() * (places[:, None] - places) ** 2
    least = min(costs[range(6), list(order)].mean() for order in permutations(range(6)))
    assert float((plan_of(ordered_coupling(a, b, weight=0.7), a, b) * costs).sum()) == pytest.approx(least)


def test_the_ordered_coupling_goes_from_the_optimal_to_the_identity():
    assert np.array_equal(plan_of(ordered_coupling(A, B, weight=0)), plan_of(optimal_coupling(A, B)))
    assert np.array_equal(plan_of(ordered_coupling(A, B, weight=1e6)), plan_of(identity_coupling(A, B)))
    costs = [transport_cost(A, B, ordered_coupling(A, B, weight=weight)) for weight in (0, 0.3, 1, 10, 1e6)]
    assert costs == sorted(costs)
    assert costs[0] < costs[-1]


def test_rows_of_one_place_more_or_less_are_matched_in_their_order():
    """Padding is all alike: optimal transport may cross it, the ordered coupling does not."""
    rows = torch.ones(8, 3, dtype=torch.float64)
    coupling = ordered_coupling(PointCloud(rows), PointCloud(rows + 1e-9 * torch.randn(8, 3, dtype=torch.float64)))
    assert coupling.share_moved == 0


@pytest.mark.parametrize("couple", [ordered_coupling, fused_gromov_coupling])
def test_weights_are_the_marginals(couple):
    for seen, cloud in zip(marginals(couple(*WEIGHTED), *WEIGHTED), WEIGHTED, strict=True):
        assert (seen - cloud.weights).abs().max() < 1e-9


@pytest.mark.parametrize("couple", [ordered_coupling, fused_gromov_coupling])
def test_weights_are_the_marginals_where_a_permutation_would_fit(couple):
    a, b = random_cloud(6, 4, 5, weighted=True), random_cloud(6, 4, 6)
    for clouds in ((a, b), (b, a)):
        for seen, cloud in zip(marginals(couple(*clouds), *clouds), clouds, strict=True):
            assert (seen - cloud.weights).abs().max() < 1e-9


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_the_fused_cost_is_the_sum_over_all_matches_and_pots(structure, alpha):
    costs = FusedCosts.between(*WEIGHTED, structure, alpha, EUCLIDEAN)
    plan = plan_of(fused_gromov_coupling(*WEIGHTED, structure=structure, alpha=alpha), *WEIGHTED)
    differences = costs.within_a[:, None, :, None] - costs.within_b[None, :, None, :]
    fourfold = np.einsum("ijkl,ij,kl->", differences**2, plan, plan)
    assert costs.of(plan) == pytest.approx((1 - alpha) * (costs.rows * plan).sum() + alpha * fourfold)
    loss = ot.gromov.gwloss(
        *ot.gromov.init_matrix(costs.within_a, costs.within_b, plan.sum(axis=1), plan.sum(axis=0)), plan
    )
    assert fourfold == pytest.approx(loss)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_both_parts_of_the_fused_cost_weigh_the_same_where_nothing_is_matched(structure):
    independent = np.full((8, 8), 1 / 64)
    rows, within = (FusedCosts.between(A, B, structure, alpha, EUCLIDEAN).of(independent) for alpha in (0, 1))
    assert (rows, within) == pytest.approx((1, 1))


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("seed", range(3))
def test_the_fused_coupling_costs_no_more_than_the_optimal_one_and_no_less_than_brute_force(structure, seed):
    a, b = random_cloud(6, 4, 10 + seed), random_cloud(6, 4, 20 + seed)
    costs = FusedCosts.between(a, b, structure, 0.5, EUCLIDEAN)
    cost = costs.of(plan_of(fused_gromov_coupling(a, b, structure=structure), a, b))
    assert cost <= costs.of(plan_of(optimal_coupling(a, b), a, b)) + 1e-12
    if structure == "places":  # no plan that splits rows is seen to cost less on these
        least = min(costs.of(np.eye(6)[list(order)] / 6) for order in permutations(range(6)))
        assert cost >= least - 1e-9


@pytest.mark.parametrize("seed", [2, 4])
def test_the_fused_coupling_finds_a_cheaper_plan_than_the_optimal_one_where_there_is_one(seed):
    a, b = random_cloud(6, 3, 10 + seed), random_cloud(6, 3, 20 + seed)
    costs = FusedCosts.between(a, b, "places", 0.5, EUCLIDEAN)
    fused, optimal = (costs.of(plan_of(couple(a, b), a, b)) for couple in (fused_gromov_coupling, optimal_coupling))
    assert fused < 0.95 * optimal


def test_without_structure_the_fused_coupling_is_the_optimal_one():
    assert np.allclose(plan_of(fused_gromov_coupling(A, B, alpha=0)), plan_of(optimal_coupling(A, B)))


def test_distances_within_do_not_see_rotations_and_orders():
    """A cloud turned a little and written in another order is found again by how its rows lie to each other alone."""
    generator = torch.Generator().manual_seed(7)
    skew = 0.1 * torch.randn(5, 5, generator=generator, dtype=torch.float64)
    turn = torch.matrix_exp(skew - skew.T)
    order = torch.randperm(8, generator=generator)
    turned = PointCloud((A.rows @ turn)[order])
    coupling = fused_gromov_coupling(A, turned, structure="distances", alpha=1)
    assert order[coupling.targets].tolist() == coupling.sources.tolist()


def test_a_phrase_moves_as_one():
    """Words of a phrase that stands elsewhere keep their neighbours: any other order of them costs more."""
    block = torch.eye(4, 6, dtype=torch.float64)
    a = PointCloud(torch.cat([block, torch.zeros(4, 6, dtype=torch.float64)]))
    shifted = PointCloud(torch.cat([torch.zeros(4, 6, dtype=torch.float64), block]))
    plan = plan_of(fused_gromov_coupling(a, shifted), a, shifted)
    assert plan.argmax(axis=1)[:4].tolist() == [4, 5, 6, 7]
    costs = FusedCosts.between(a, shifted, "places", 0.5, EUCLIDEAN)
    swapped = np.zeros((8, 8))
    swapped[range(8), [5, 4, 6, 7, 0, 1, 2, 3]] = 1 / 8
    assert costs.of(plan) < costs.of(swapped)


def test_half_of_every_row_moves_and_half_fades():
    coupling = halved_coupling(A, B)
    assert float(coupling.mass.sum()) == pytest.approx(0.5)
    for seen, cloud in zip(marginals(coupling, A, B), (A, B), strict=True):
        assert seen.numpy() == pytest.approx(cloud.weights.numpy() / 2)
    halfway = build_path("halved+partial", A, B)(0.5)
    parts = [build_path(name, A, B)(0.5) for name in ("optimal", "mixture")]
    both = PointCloud(torch.cat([part.rows for part in parts]), torch.cat([part.weights / 2 for part in parts]))
    assert wasserstein(halfway, both) == pytest.approx(0, abs=1e-7)


def test_reach_goes_from_the_mixture_to_the_displacement():
    halfway = {name: build_path(name, A, B)(0.5) for name in ("unbalanced-near", "unbalanced", "unbalanced-far")}
    to_geodesic = [wasserstein(cloud, build_path("optimal", A, B)(0.5)) for cloud in halfway.values()]
    assert to_geodesic == sorted(to_geodesic, reverse=True)
    assert to_geodesic[0] > to_geodesic[-1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ordered_coupling(A, B, weight=-1), "weight: wanted a number of at least 0, got -1"),
        (
            lambda: fused_gromov_coupling(A, B, structure="sound"),
            "structure: unknown 'sound'; known: places, distances",
        ),
        (lambda: fused_gromov_coupling(A, B, alpha=1.5), r"alpha: wanted a number from 0 to 1, got 1\.5"),
        (lambda: ordered_coupling(A, random_cloud(8, 4, 0)), "clouds of different width"),
        (lambda: fused_gromov_coupling(A, random_cloud(8, 4, 0)), "clouds of different width"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
