import pytest
import torch

from geometry import METHODS, DisplacementPath, PointCloud, SlerpPath, build_path, optimal_coupling, wasserstein
from tests.conftest import random_cloud

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
    if name != "slerp":
        assert sorted(rows.tolist()) == sorted(B.rows.tolist())


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
