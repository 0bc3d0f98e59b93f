"""When frames are taken: constant speed where the path has a length, Beta quantiles, and how long paths are."""

from itertools import pairwise

import numpy as np
import pytest
import torch

import whichway.analysis.paths  # noqa: F401 - its methods are paths too
from tests.conftest import random_cloud
from whichway.geometry import (
    Cosine,
    MixturePath,
    PartialPath,
    PiecewisePath,
    PointCloud,
    beta_times,
    build_path,
    constant_speed_times,
    immediate_methods,
    partial_coupling,
    step_lengths,
    transport_cost,
    uniform_times,
    wasserstein,
)
from whichway.geometry.coupling import marginals
from whichway.geometry.path import SPHERICAL_HK, W1, W2

A, B, C = (random_cloud(12, 5, seed) for seed in range(3))


def length(path, steps, **options):
    return sum(step_lengths(path, uniform_times(steps + 1), **options))


@pytest.mark.parametrize("name", immediate_methods())
def test_a_path_has_a_length_where_it_says_so(name):
    """The sum over its steps rises with their number, and levels off."""
    path = build_path(name, A, B)
    coarse, fine, finer = (length(path, steps) for steps in (8, 16, 32))
    assert coarse <= fine * (1 + 1e-4)  # unbalanced steps are known to a few digits
    assert fine <= finer * (1 + 1e-4)
    assert finer < 1.01 * fine


@pytest.mark.parametrize("name", [name for name in immediate_methods() if build_path(name, A, B).length_in != W2])
def test_where_mass_goes_over_the_sum_in_w2_grows_without_bound(name):
    path = build_path(name, A, B)
    sums = [sum(wasserstein(path(s), path(t)) for s, t in pairwise(uniform_times(n + 1))) for n in (8, 32)]
    assert sums[1] > 1.4 * sums[0]  # √4 where all of the mass does


def test_the_mixture_is_a_geodesic_of_w1():
    path = MixturePath(A, B)
    whole = wasserstein(A, B, p=1)
    for s, t in ((0.0, 0.3), (0.3, 0.35), (0.2, 1.0)):
        assert wasserstein(path(s), path(t), p=1) == pytest.approx((t - s) * whole, rel=1e-9)


def test_the_partial_path_is_no_longer_than_what_it_carries_and_what_it_leaves():
    coupling = partial_coupling(A, B, carried=0.5)
    left_a, left_b = (
        PointCloud(cloud.rows, (cloud.weights - seen).clamp(min=0))
        for cloud, seen in zip((A, B), marginals(coupling, A, B), strict=True)
    )
    bound = 0.5 * transport_cost(A, B, coupling, p=1) + 0.5 * wasserstein(left_a, left_b, p=1)
    assert wasserstein(A, B, p=1) < length(PartialPath(A, B, coupling), 16) <= bound * (1 + 1e-9)


def test_a_piecewise_path_has_the_length_of_its_parts_in_the_distance_that_they_share():
    kinds = {name: build_path(name, A, B) for name in ("optimal", "mixture", "unbalanced")}
    straight, faded = (build_path(name, B, C) for name in ("optimal", "mixture"))
    assert PiecewisePath([kinds["optimal"], straight]).length_in == W2
    assert PiecewisePath([kinds["optimal"], faded]).length_in == W1
    both = PiecewisePath([kinds["mixture"], faded])
    assert both.length_in == W1
    assert length(both, 8) == pytest.approx(wasserstein(A, B, p=1) + wasserstein(B, C, p=1), rel=1e-9)
    assert kinds["unbalanced"].length_in == SPHERICAL_HK
    mixed = PiecewisePath([kinds["unbalanced"], straight])
    assert mixed.length_in is None
    with pytest.raises(ValueError, match="no length in W_1, W_2 or the spherical"):
        step_lengths(mixed, [0, 1])


def test_constant_speed_is_the_inverse_of_the_length():
    """Along two geodesics, A to B in a quarter of the time and B to C in the rest: known in closed form."""
    path = PiecewisePath([build_path("optimal", A, B), build_path("optimal", B, C)], durations=(1, 3))
    first, second = wasserstein(A, B), wasserstein(B, C)
    gone = np.linspace(0, first + second, 7)
    wanted = np.where(gone <= first, 0.25 * gone / first, 0.25 + 0.75 * (gone - first) / second)
    times = constant_speed_times(path, 7)
    assert times == pytest.approx(wanted, abs=1e-9)
    assert np.abs(np.array(times) - uniform_times(7)).max() > 0.1


@pytest.mark.parametrize("ground", [None, Cosine()])
def test_constant_speed_makes_equal_steps_of_a_path_that_is_not_even(ground):
    options = {} if ground is None else {"ground": ground}
    path = build_path("spherical", PointCloud(5 * A.rows), B)
    if ground is not None:
        path = build_path("identity", PointCloud(5 * A.rows), B)  # straight: uneven in angle
    steps = np.array(step_lengths(path, constant_speed_times(path, 6, samples=200, **options), **options))
    uneven = np.array(step_lengths(path, uniform_times(6), **options))
    assert uneven.max() / uneven.min() > 1.2
    assert steps.max() / steps.min() < 1.01


def test_on_a_geodesic_constant_speed_is_uniform():
    assert constant_speed_times(build_path("optimal", A, B), 5) == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=1e-9)


@pytest.mark.parametrize(
    ("name", "distance"),
    [("mixture", "W_1"), ("partial", "W_1"), ("unbalanced", "spherical Hellinger–Kantorovich")],
)
def test_constant_speed_refuses_what_has_no_length_in_w2(name, distance):
    with pytest.raises(ValueError, match=f"mass goes over from row to row.*no length in W_2; it has one in {distance}"):
        constant_speed_times(build_path(name, A, B), 5)


def test_a_path_that_does_not_move_has_uniform_times():
    assert constant_speed_times(build_path("optimal", A, A), 3) == [0, 0.5, 1]


def test_beta_times_are_the_quantiles():
    assert beta_times(5, 1, 1) == pytest.approx(uniform_times(5))
    assert beta_times(5, 2, 1) == pytest.approx(np.sqrt(uniform_times(5)))  # F(t) = t²
    times = np.array(beta_times(9, 2, 2))
    assert 3 * times**2 - 2 * times**3 == pytest.approx(uniform_times(9))
    assert beta_times(7, 25, 25) == pytest.approx(1 - np.array(beta_times(7, 25, 25))[::-1])
    with pytest.raises(ValueError, match="alpha, beta: wanted positive numbers, got 0 and 1"):
        beta_times(5, 0, 1)


@pytest.mark.parametrize("times", [uniform_times, lambda frames: beta_times(frames, 2, 2)])
def test_fewer_than_two_frames_are_refused(times):
    with pytest.raises(ValueError, match="at least 2, got 1"):
        times(1)
    assert times(2) == [0, 1]


def test_the_length_of_clouds_in_single_precision_is_that_of_double():
    single = [PointCloud(cloud.rows.to(torch.float32)) for cloud in (A, B)]
    assert length(build_path("mixture", *single), 8) == pytest.approx(length(MixturePath(A, B), 8), rel=1e-5)
