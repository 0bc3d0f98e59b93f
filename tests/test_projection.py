import numpy as np
import pytest

from analysis.projection import flatten_rows, linearise, project
from geometry import PointCloud, build_path, rms_frobenius, wasserstein
from tests.conftest import random_cloud

A, B = random_cloud(12, 5, 0), random_cloud(12, 5, 1)
ORDER = np.random.default_rng(0).permutation(12).tolist()


def test_flattened_distance_is_rms_frobenius():
    x, y = flatten_rows([A, B])
    assert np.linalg.norm(x - y) == pytest.approx(rms_frobenius(A, B))


def test_linearised_distance_to_the_reference_is_wasserstein():
    reference, b = linearise([A, B], A)
    assert np.linalg.norm(reference - b) == pytest.approx(wasserstein(A, B))


def test_row_order_shows_in_the_frobenius_view_only():
    plain, shuffled = linearise([B, B.take(ORDER)], A)
    assert plain == pytest.approx(shuffled)
    plain, shuffled = flatten_rows([B, B.take(ORDER)])
    assert np.linalg.norm(plain - shuffled) > 1


def test_linearised_distance_is_at_least_wasserstein():
    c = random_cloud(12, 5, 2)
    b_map, c_map = linearise([B, c], A)
    assert np.linalg.norm(b_map - c_map) >= wasserstein(B, c) * (1 - 1e-9)


def test_a_geodesic_projects_to_a_straight_line():
    path = build_path("optimal", A, B)
    projection = project(linearise([path(t) for t in np.linspace(0, 1, 7)], A))
    assert projection.explained[0] == pytest.approx(1)
    steps = np.diff(projection.points[:, 0])
    assert steps == pytest.approx(np.full(6, steps[0]))


def test_clouds_that_are_all_the_same_stay_at_the_origin():
    projection = project(flatten_rows([A, A, A]))
    assert (projection.points == 0).all()


def test_weighted_clouds_of_another_size_are_at_most_as_far_as_wasserstein():
    c = random_cloud(7, 5, 3, weighted=True)
    reference, mapped = linearise([A, c], A)
    assert np.linalg.norm(reference - mapped) <= wasserstein(A, c) * (1 + 1e-9)
    repeated = PointCloud(B.rows.repeat_interleave(2, dim=0))
    assert np.linalg.norm(linearise([repeated], A)[0] - reference) == pytest.approx(wasserstein(A, B))


def test_another_width_is_refused():
    with pytest.raises(ValueError, match="different width"):
        linearise([random_cloud(12, 4, 0)], A)
