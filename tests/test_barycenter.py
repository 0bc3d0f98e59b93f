"""Barycenters as mathematics: of two clouds, of one, of equal ones; and that they minimise what they should."""

import re
from importlib import import_module
from itertools import permutations

import pytest
import torch

from tests.conftest import random_cloud
from whichway.geometry import PointCloud, barycenter, build_path, optimal_coupling, wasserstein

A, B, C = (random_cloud(10, 4, seed) for seed in range(3))


@pytest.mark.parametrize("t", [0.1, 0.4, 0.5, 0.8])
def test_of_two_clouds_it_lies_on_their_geodesic(t):
    between = barycenter([A, B], [1 - t, t])
    assert wasserstein(between, build_path("optimal", A, B)(t)) == pytest.approx(0, abs=1e-6)
    assert wasserstein(A, between) == pytest.approx(t * wasserstein(A, B), rel=1e-6)


def test_with_all_the_weight_it_is_the_cloud():
    assert barycenter([A, B, C], [0, 1, 0]) is B


def test_near_a_cloud_of_uneven_weights_it_is_near_that_cloud():
    """Uniform weights could not be: a heavy row has no other like it."""
    heavy = PointCloud(A.rows, torch.tensor([5.0, *[1.0] * 9], dtype=A.rows.dtype))
    assert wasserstein(barycenter([heavy, B], [0.999, 0.001]), heavy) < 0.002 * wasserstein(heavy, B)
    assert wasserstein(barycenter([heavy, A], [1, 1]), barycenter([A, heavy], [1, 1])) == 0


def test_of_equal_clouds_it_is_that_cloud():
    assert wasserstein(barycenter([A, A.take([*range(1, 10), 0]), A], [1, 1, 1]), A) == pytest.approx(0, abs=1e-6)


def test_it_costs_less_than_any_of_the_clouds_and_scaling_the_weights_changes_nothing():
    weights = (0.5, 0.3, 0.2)

    def cost(cloud):
        return sum(w * wasserstein(cloud, each) ** 2 for w, each in zip(weights, (A, B, C), strict=True))

    middle = barycenter([A, B, C], weights)
    assert cost(middle) < min(cost(A), cost(B), cost(C))
    assert wasserstein(middle, barycenter([A, B, C], [5, 3, 2])) == pytest.approx(0, abs=1e-7)


def test_it_is_a_fixed_point_that_does_not_depend_on_the_order_of_the_clouds_rows():
    """Every row is where the optimal couplings send it, on average."""
    weights = (0.5, 0.3, 0.2)
    middle = barycenter([A, B, C], weights)
    sent = sum(
        w * each.rows[optimal_coupling(middle, each).targets] for w, each in zip(weights, (A, B, C), strict=True)
    )
    assert middle.rows.numpy() == pytest.approx(sent.numpy(), abs=1e-6)
    shuffled = barycenter([A, B.take([*range(1, 10), 0]), C], weights)
    assert wasserstein(middle, shuffled) == pytest.approx(0, abs=1e-6)


def test_the_centre_does_not_depend_on_the_order_of_the_clouds():
    centres = [barycenter(order, [1, 1, 1]) for order in permutations((A, B, C))]
    for centre in centres[1:]:
        assert wasserstein(centres[0], centre) == 0


def test_of_all_starts_the_best_is_kept():
    """From a cloud of one row the mean is found and no more; from the others something nearer to them all."""
    point = PointCloud(A.rows.mean(dim=0, keepdim=True))

    def cost(cloud):
        return sum(wasserstein(cloud, each) ** 2 for each in (point, A, B))

    assert len(barycenter([point, A, B], [0.4, 0.3, 0.3])) == 10
    assert cost(barycenter([point, A, B], [1, 1, 1])) < cost(
        PointCloud((A.rows + B.rows).mean(dim=0, keepdim=True) / 2)
    )


def test_the_best_end_is_that_of_least_squares(monkeypatch):
    """Of three points, the one nearest to all is another by squares than by distances."""
    monkeypatch.setattr(import_module("whichway.geometry.barycenter"), "_fixed_point", lambda _, start, __: start)
    points = [PointCloud(torch.tensor([[place]], dtype=torch.float64)) for place in (0.0, 1.0, 3.0)]
    assert barycenter(points, [0.6, 0.2, 0.2]) is points[1]
    assert barycenter(points, [0.9, 0.05, 0.05]) is points[0]


def test_rounds_that_do_not_suffice_are_said():
    with pytest.raises(RuntimeError, match=r"rows still moved by .* after 1 rounds"):
        barycenter([A, B, C], [0.4, 0.3, 0.3], iterations=1)


def test_one_start_that_does_not_settle_leaves_the_others(monkeypatch):
    def settle(weighted, start, iterations):
        if start is A:
            raise RuntimeError("rows still moved")
        return start

    monkeypatch.setattr(import_module("whichway.geometry.barycenter"), "_fixed_point", settle)
    assert barycenter([A, B], [1, 1]) is B


def test_clouds_of_different_size_have_one():
    assert len(barycenter([A, random_cloud(3, 4, 9, weighted=True)], [0.6, 0.4])) == 10


@pytest.mark.parametrize(
    ("clouds", "weights", "said"),
    [
        ([A], [1], "at least 2 clouds, got 1"),
        ([A, B], [1, 1, 1], "wanted 2 non-negative numbers"),
        ([A, B], [0, 0], "with a positive sum"),
        ([A, B], [-1, 2], "non-negative"),
        ([A, random_cloud(10, 3, 0)], [1, 1], "different width: (10, 4) and (10, 3)"),
    ],
)
def test_bad_input_is_named(clouds, weights, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        barycenter(clouds, weights)
