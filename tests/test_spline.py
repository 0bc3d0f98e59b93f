"""Transport splines as mathematics: what they meet, how smooth they are, and where they are older paths."""

import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.interpolate import make_interp_spline

from tests.conftest import random_cloud
from whichway.geometry import (
    PointCloud,
    TransportSplinePath,
    build_path,
    identity_coupling,
    optimal_coupling,
    random_coupling,
    wasserstein,
)

CLOUDS = [random_cloud(9, 4, seed) for seed in range(4)]
TIMES = [0.0, 2.0, 5.0, 6.0]
UNEVEN = [random_cloud(n, 4, n, weighted=True) for n in (5, 8, 3, 6)]


def spline(clouds, times=TIMES, couple=optimal_coupling, *, closed=False):
    following = [*clouds, clouds[0]] if closed else clouds
    return TransportSplinePath(clouds, times, [couple(a, b) for a, b in pairwise(following)], closed)


def test_its_t_begins_where_its_times_do():
    path = spline(CLOUDS, [time + 4 for time in TIMES])
    assert wasserstein(path(0), CLOUDS[0]) == pytest.approx(0, abs=1e-7)
    assert wasserstein(path(1 / 3), CLOUDS[1]) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("clouds", [CLOUDS, UNEVEN])
def test_it_meets_every_cloud_exactly(clouds):
    path = spline(clouds)
    for time, cloud in zip(TIMES, clouds, strict=True):
        assert wasserstein(path.at(time), cloud) == pytest.approx(0, abs=1e-7)
        assert wasserstein(path.at(min(time + 1e-7, 6.0)), cloud) == pytest.approx(0, abs=1e-5)
        assert {tuple(row) for row in path.at(time).rows.tolist()} == {tuple(row) for row in cloud.rows.tolist()}
    assert wasserstein(path(0), clouds[0]) == pytest.approx(0, abs=1e-7)
    assert wasserstein(path(1), clouds[-1]) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_it_is_twice_differentiable_at_the_clouds_and_straight_at_both_ends(order):
    path = spline(CLOUDS)
    for time in TIMES[1:-1]:
        before, after = path.derivative(time - 1e-9, order), path.derivative(time + 1e-9, order)
        assert torch.allclose(before, after, atol=1e-6)
    for end in (TIMES[0], TIMES[-1]):
        assert path.derivative(end, 2).abs().max() < 1e-9


def test_it_is_smoother_than_straight_pieces_and_no_curve_through_the_clouds_bends_less():
    """Holladay: the natural spline has the least ∫‖x''‖² of all C² curves through them, the clamped too."""
    path = spline(CLOUDS)
    times = np.linspace(0, 6, 2001)
    bending = np.mean([float(path.derivative(t, 2).square().sum()) for t in times])
    knots = np.stack([path.at(t).rows.numpy() for t in TIMES])
    clamped = make_interp_spline(TIMES, knots, k=3, bc_type="clamped")
    assert bending < np.mean([np.square(clamped(t, 2)).sum() for t in times])


def test_it_agrees_with_an_independent_spline():
    path = spline(CLOUDS, couple=identity_coupling)
    knots = np.stack([cloud.rows.numpy() for cloud in CLOUDS])
    independent = make_interp_spline(TIMES, knots, k=3, bc_type="natural")  # B-splines, not piecewise polynomials
    for time in (0.3, 1.9, 2.1, 4.0, 5.9):
        assert path.at(time).rows.numpy() == pytest.approx(independent(time), abs=1e-12)


def test_between_two_clouds_it_is_displacement_interpolation():
    path, geodesic = spline(CLOUDS[:2], [0.0, 3.0]), build_path("optimal", *CLOUDS[:2])
    for t in (0.0, 0.2, 0.7, 1.0):
        assert path(t).rows.numpy() == pytest.approx(geodesic(t).rows.numpy(), abs=1e-12)


def test_through_clouds_on_one_geodesic_it_is_that_geodesic():
    geodesic = build_path("optimal", *CLOUDS[:2])
    path = spline([geodesic(t) for t in (0.0, 0.25, 0.8, 1.0)], [0.0, 0.25, 0.8, 1.0])
    for t in (0.1, 0.5, 0.9):
        assert path(t).rows.numpy() == pytest.approx(geodesic(t).rows.numpy(), abs=1e-9)


@pytest.mark.parametrize("closed", [False, True])
def test_the_order_of_each_clouds_rows_does_not_matter(closed):
    shuffled = [cloud.take(np.random.default_rng(k).permutation(9).tolist()) for k, cloud in enumerate(CLOUDS)]
    times = [*TIMES, 8.0] if closed else TIMES
    path, other = spline(CLOUDS, times, closed=closed), spline(shuffled, times, closed=closed)
    for time in (0.5, 3.0, 5.5):
        assert wasserstein(path.at(time), other.at(time)) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("couple", [optimal_coupling, random_coupling])
def test_a_loop_is_as_smooth_where_it_closes_although_rows_come_back_as_others(couple):
    path = spline(CLOUDS, [*TIMES, 8.0], couple, closed=True)

    def sorted_rows(time, order):
        beside = torch.cat([path.at(min(max(time, 0.0), 8.0)).rows * 0, path.derivative(time, order)], dim=1)
        return np.sort(beside.numpy(), axis=0)

    for order in (0, 1, 2):
        assert sorted_rows(1e-9, order) == pytest.approx(sorted_rows(8 - 1e-9, order), abs=1e-6)
    for time, cloud in zip([*TIMES, 8.0], [*CLOUDS, CLOUDS[0]], strict=True):
        assert wasserstein(path.at(time), cloud) == pytest.approx(0, abs=1e-7)
        near = path.at(min(time + 1e-6, 8 - 1e-6))
        assert wasserstein(near, cloud) == pytest.approx(0, abs=1e-4)


def test_rows_that_split_are_glued_with_the_couplings_as_marginals_and_few_atoms():
    couplings = [optimal_coupling(a, b) for a, b in pairwise(UNEVEN)]
    path = TransportSplinePath(UNEVEN, TIMES, couplings)
    rows, mass = path._trajectories.rows, path._trajectories.mass
    for k, coupling in enumerate(couplings):
        plan = torch.zeros(len(UNEVEN[k]), len(UNEVEN[k + 1]), dtype=torch.float64)
        plan.index_put_((torch.tensor(rows[k]), torch.tensor(rows[k + 1])), mass, accumulate=True)
        assert plan.numpy() == pytest.approx(coupling.plan(*plan.shape).numpy(), abs=1e-9)
    assert len(mass) <= sum(map(len, UNEVEN))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TransportSplinePath(CLOUDS[:1], [0.0], []), "at least 2 clouds, got 1"),
        (lambda: spline(CLOUDS, TIMES[:3]), "wanted 3 couplings and 4 times, got 3 and 3"),
        (lambda: spline(CLOUDS, [0.0, 2.0, 2.0, 3.0]), "wanted increasing numbers"),
        (lambda: spline(CLOUDS).at(7.0), "wanted a number from 0.0 to 6.0, got 7.0"),
        (lambda: spline(UNEVEN, [*TIMES, 8.0], closed=True), "a closed spline needs clouds of one size"),
        (lambda: spline([*CLOUDS[:3], PointCloud(torch.ones(9, 5))]), "different width"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()
