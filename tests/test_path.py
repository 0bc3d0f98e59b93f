import math
import re
from itertools import pairwise

import numpy as np
import pytest
import torch

from tests.conftest import random_cloud
from whichway.geometry import (
    COUPLINGS,
    METHODS,
    PATHS,
    DisplacementPath,
    HellingerKantorovichPath,
    MixturePath,
    Path,
    PiecewisePath,
    PointCloud,
    SlerpPath,
    build_path,
    constant_speed_times,
    couple,
    entropic_coupling,
    identity_coupling,
    optimal_coupling,
    partial_coupling,
    transport_cost,
    unbalanced_coupling,
    uniform_times,
    wasserstein,
)
from whichway.geometry.path import angles_between

A, B = random_cloud(12, 5, 0), random_cloud(12, 5, 1)
TIMES = (0.0, 0.2, 0.5, 0.9, 1.0)


@pytest.mark.parametrize("name", METHODS)
def test_paths_end_where_they_should_as_clouds(name):
    path = build_path(name, A, B, seed=3)
    assert wasserstein(path(0), A) == pytest.approx(0, abs=1e-6)
    assert wasserstein(path(1), B) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_every_displacement_ends_in_exactly_the_rows_of_b(name):
    """Bit for bit, so that the endpoint check of a run sees the row order and nothing else."""
    rows = build_path(name, A, B, seed=3)(1).rows
    if name not in {"slerp", "spherical"}:
        assert {tuple(row) for row in rows.tolist()} == {tuple(row) for row in B.rows.tolist()}


@pytest.mark.parametrize(("a", "b"), [(A, B), (random_cloud(7, 5, 2, weighted=True), random_cloud(4, 5, 3))])
def test_optimal_displacement_is_a_geodesic_of_constant_speed(a, b):
    path = DisplacementPath(a, b, optimal_coupling(a, b))
    whole = wasserstein(a, b)
    for s in TIMES:
        for t in TIMES:
            assert wasserstein(path(s), path(t)) == pytest.approx(abs(s - t) * whole, abs=1e-9)


def test_the_identity_path_is_linear_interpolation():
    assert torch.allclose(build_path("identity", A, B)(0.3).rows, 0.7 * A.rows + 0.3 * B.rows)


def test_the_random_path_is_not_shorter_than_the_optimal_one():
    random, optimal = (build_path(name, A, B, seed=1)(0.5) for name in ("random", "optimal"))
    assert wasserstein(A, optimal) == pytest.approx(wasserstein(A, B) / 2)
    assert wasserstein(A, random) + wasserstein(random, B) > wasserstein(A, B)


def test_permuting_b_only_permutes_the_optimal_path():
    shuffled = build_path("optimal", A, B.take([*range(1, 12), 0]))
    assert wasserstein(build_path("optimal", A, B)(0.4), shuffled(0.4)) == pytest.approx(0, abs=1e-7)


def test_slerp_keeps_the_norm_and_the_angular_speed():
    unit_a, unit_b = (PointCloud(cloud.rows / torch.linalg.norm(cloud.rows)) for cloud in (A, B))
    path = SlerpPath(unit_a, unit_b)
    angle = torch.acos((unit_a.rows * unit_b.rows).sum())
    for t in TIMES:
        rows = path(t).rows
        assert torch.linalg.norm(rows).item() == pytest.approx(1)
        assert torch.acos((rows * unit_a.rows).sum().clamp(max=1)).item() == pytest.approx(t * angle.item(), abs=1e-6)


def test_slerp_of_equal_clouds_stays_there():
    assert torch.allclose(SlerpPath(A, A)(0.5).rows, A.rows)


def test_slerp_refuses_what_has_no_great_circle():
    with pytest.raises(ValueError, match="opposite"):
        SlerpPath(A, PointCloud(-A.rows))
    with pytest.raises(ValueError, match="not zero"):
        SlerpPath(A, PointCloud(torch.zeros(12, 5)))
    with pytest.raises(ValueError, match=r"\(12, 5\) and \(4, 5\)"):
        SlerpPath(A, random_cloud(4, 5, 0))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("t", [-0.1, 1.1, float("nan")])
def test_times_outside_the_path_are_refused(name, t):
    with pytest.raises(ValueError, match="t: wanted a number from 0 to 1"):
        build_path(name, A, B)(t)


def test_an_unknown_method_names_the_known_ones():
    with pytest.raises(ValueError, match="unknown method 'wormhole'; known: identity, random, optimal, slerp"):
        build_path("wormhole", A, B)


def test_gradients_flow_to_both_ends():
    start, end = (cloud.rows.clone().requires_grad_() for cloud in (A, B))
    build_path("optimal", PointCloud(start), PointCloud(end))(0.25).rows.sum().backward()
    assert torch.allclose(start.grad, torch.full_like(start, 0.75))
    assert torch.allclose(end.grad, torch.full_like(end, 0.25))


# --- what the further paths promise ----------------------------------------------------------------------------------


def measure(cloud):
    """The measure as a dictionary, so that the order of rows and splits of mass do not matter."""
    mass = {}
    for row, weight in zip(cloud.rows.tolist(), cloud.weights.tolist(), strict=True):
        key = tuple(round(x, 9) for x in row)
        mass[key] = mass.get(key, 0) + weight
    return {key: pytest.approx(value, abs=1e-9) for key, value in mass.items() if value > 1e-12}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("t", [1e-5, 1 - 1e-5])
def test_paths_are_continuous_at_their_ends(name, t):
    cloud = build_path(name, A, B, seed=3)(t)
    assert wasserstein(cloud, B if t > 0.5 else A) < 0.02


@pytest.mark.parametrize("name", [name for name in METHODS if name != "random"])
def test_the_way_back_is_the_way_reversed(name):
    for t in TIMES:
        there, back = build_path(name, A, B)(t), build_path(name, B, A)(1 - t)
        assert wasserstein(there, back) == pytest.approx(0, abs=2e-4)


def test_the_mixture_is_the_weighted_union():
    halfway = MixturePath(A, B)(0.25)
    assert measure(halfway) == measure(
        PointCloud(torch.cat([A.rows, B.rows]), torch.cat([0.75 * A.weights, 0.25 * B.weights]))
    )
    assert measure(MixturePath(A, B)(0)) == measure(A)


def test_the_mixture_of_clouds_of_different_size():
    small = random_cloud(3, 5, 7, weighted=True)
    assert len(MixturePath(A, small)(0.5)) == 15


def test_the_spherical_path_keeps_lengths_of_equal_rows_and_turns_evenly():
    unit = [PointCloud(cloud.rows / cloud.rows.norm(dim=1, keepdim=True)) for cloud in (A, B)]
    path = build_path("identity+spherical", *unit)
    whole = angles_between(path(0).rows, path(1).rows)
    for t in TIMES:
        assert path(t).rows.norm(dim=1).numpy() == pytest.approx(1)
        assert angles_between(path(0).rows, path(t).rows).numpy() == pytest.approx((t * whole).numpy(), abs=1e-6)


def test_the_entropic_coupling_lies_between_optimal_and_independent():
    sharp, soft = (entropic_coupling(A, B, regularisation=epsilon) for epsilon in (0.02, 100.0))
    assert transport_cost(A, B, sharp) == pytest.approx(wasserstein(A, B), rel=0.05)
    assert soft.plan(12, 12).numpy() == pytest.approx(np.full((12, 12), 1 / 144), rel=0.1)


def test_the_partial_coupling_carries_its_share_cheaply_and_one_is_the_optimal():
    partial = partial_coupling(A, B, carried=0.25)
    assert float(partial.mass.sum()) == pytest.approx(0.25)
    assert transport_cost(A, B, partial) < wasserstein(A, B)
    assert transport_cost(A, B, partial_coupling(A, B, carried=1.0)) == pytest.approx(wasserstein(A, B))


def test_unbalanced_goes_from_displacement_to_mixture_as_its_reach_shrinks():
    far = HellingerKantorovichPath(A, B, unbalanced_coupling(A, B, reach=10.0), reach=10.0)
    assert wasserstein(far(0.5), build_path("optimal", A, B)(0.5)) < 0.1 * wasserstein(A, B)
    near = HellingerKantorovichPath(A, B, unbalanced_coupling(A, B, reach=0.01), reach=0.01)
    assert measure(near(0.5)) == measure(MixturePath(A, B)(0.5))


def test_hellinger_kantorovich_between_two_points_is_the_straight_line_in_the_cone():
    """One atom each: x = r (cos θ, sin θ) is a straight line from (1, 0) to (cos δ, sin δ)."""
    a, b = PointCloud(torch.zeros(1, 1).double()), PointCloud(torch.ones(1, 1).double())
    path = HellingerKantorovichPath(a, b, identity_coupling(a, b), reach=1.0)
    angle = 1.0  # c / κ with κ = reach · c
    for t in (0.2, 0.5, 0.8):
        x, y = 1 - t + t * math.cos(angle), t * math.sin(angle)
        assert path(t).rows.item() == pytest.approx(math.atan2(y, x))


def test_the_piecewise_path_visits_its_prompts():
    c = random_cloud(12, 5, 5)
    path = PiecewisePath([build_path("optimal", A, B), build_path("optimal", B, c)], durations=(1, 3))
    assert isinstance(path, Path)
    for t, cloud in ((0, A), (0.25, B), (1, c)):
        assert wasserstein(path(t), cloud) == pytest.approx(0, abs=1e-7)
    assert wasserstein(path(0.5), build_path("optimal", B, c)(1 / 3)) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("path", [name for name, rule in PATHS.items() if rule.coupled])
def test_couplings_and_paths_combine_freely_or_say_why_not(coupling, path):
    try:
        middle = build_path(f"{coupling}+{path}", A, B)(0.5)
    except ValueError as error:
        assert "mass" in str(error) or "takes no more" in str(error)  # noqa: PT017 - either outcome is right
        assert (coupling, path) in {
            ("partial", "displacement"),
            ("partial", "spherical"),
            ("unbalanced", "displacement"),
            ("unbalanced", "spherical"),
            ("unbalanced", "partial"),
        }
    else:
        assert float(middle.weights.sum()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sideways", "unknown method 'sideways'; known: identity, random"),
        ("sideways+displacement", "unknown coupling 'sideways'"),
        ("optimal+sideways", "unknown path 'sideways'"),
        ("optimal+mixture", "uses no coupling; wanted 'mixture' alone"),
    ],
)
def test_unknown_names_are_named(name, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        build_path(name, A, B)


def test_rows_that_are_not_chosen_keep_their_index():
    a, b = (PointCloud(cloud.rows, labels=tuple("abcdefghijkl"), size=4) for cloud in (A, B))
    own, words = (couple("optimal", a, b, tokens=tokens).plan(12, 12).argmax(dim=1) for tokens in ("own", "words"))
    assert own[4:].tolist() == words[4:].tolist() == list(range(4, 12))
    assert words[0] == 0
    assert sorted(own[:4].tolist()) == [0, 1, 2, 3]
    inner = optimal_coupling(a.take(range(4)), b.take(range(4))).plan(4, 4).argmax(dim=1)
    assert own[:4].tolist() == inner.tolist()


@pytest.mark.parametrize("name", METHODS)
def test_gradients_flow_from_the_middle_of_a_path_to_both_ends(name):
    a, b = (PointCloud(cloud.rows.clone().requires_grad_()) for cloud in (A, B))
    build_path(name, a, b)(0.4).rows.square().sum().backward()
    for cloud in (a, b):
        assert cloud.rows.grad is not None
        assert cloud.rows.grad.abs().sum() > 0


def test_constant_speed_times_make_equal_steps_and_are_uniform_on_a_geodesic():
    geodesic = build_path("optimal", A, B)
    assert constant_speed_times(geodesic, 5) == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=1e-9)
    bent = build_path("mixture", A, B)
    times = constant_speed_times(bent, 6, samples=200)
    steps = [wasserstein(bent(s), bent(t)) for s, t in pairwise(times)]
    uniform = [wasserstein(bent(s), bent(t)) for s, t in pairwise(uniform_times(6))]
    assert max(steps) / min(steps) <= max(uniform) / min(uniform) * (1 + 1e-9)
    assert times == sorted(times)


def test_a_path_that_does_not_move_has_uniform_times():
    assert constant_speed_times(build_path("optimal", A, A), 3) == [0, 0.5, 1]


def test_fewer_than_two_frames_are_refused():
    with pytest.raises(ValueError, match="at least 2, got 1"):
        uniform_times(1)
