import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform

from tests.conftest import random_cloud
from whichway.analysis.clouds.projection import Projection, pairwise_distances, project, stress
from whichway.analysis.pictures.projection import draw_projection
from whichway.geometry import PointCloud, build_path, flatten_rows, linearise, rms_frobenius, slice_rows, wasserstein

A, B = random_cloud(12, 5, 0), random_cloud(12, 5, 1)
ORDER = np.random.default_rng(0).permutation(12).tolist()
SET = [random_cloud(12, 5, seed) for seed in range(9)]


def test_flattened_distance_is_rms_frobenius():
    x, y = flatten_rows([A, B])
    assert np.linalg.norm(x - y) == pytest.approx(rms_frobenius(A, B))


def test_linearised_distance_to_the_reference_is_wasserstein():
    reference, b = linearise([A, B], A)
    assert np.linalg.norm(reference - b) == pytest.approx(wasserstein(A, B))


def test_linearised_distance_is_at_least_wasserstein():
    c = random_cloud(12, 5, 2)
    b_map, c_map = linearise([B, c], A)
    assert np.linalg.norm(b_map - c_map) >= wasserstein(B, c) * (1 - 1e-9)


def test_slices_in_few_directions_are_scaled_to_all_of_them():
    """Of two clouds a shift apart, the squares of the distance over all seeds have the shift's own for a mean."""
    shift = torch.randn(1, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    cloud = random_cloud(6, 12, 0)
    moved = PointCloud(cloud.rows + shift)
    squares = [
        np.square(np.diff(slice_rows([cloud, moved], directions=3, seed=seed), axis=0)).sum() for seed in range(200)
    ]
    assert np.mean(squares) == pytest.approx(float(shift.square().sum()), rel=0.1)
    assert len(set(squares)) == 200


def test_weighted_clouds_of_another_size_are_between_their_centroids_and_wasserstein():
    c = random_cloud(7, 5, 3, weighted=True)
    reference, mapped = linearise([A, c], A)
    apart = np.linalg.norm(reference - mapped)
    assert float((A.mean() - c.mean()).norm()) <= apart * (1 + 1e-9)
    assert apart <= wasserstein(A, c) * (1 + 1e-9)
    assert mapped.reshape(12, 5).sum(axis=0) / 12**0.5 == pytest.approx(c.mean().numpy())
    repeated = PointCloud(B.rows.repeat_interleave(2, dim=0))
    assert np.linalg.norm(linearise([repeated], A)[0] - reference) == pytest.approx(wasserstein(A, B))


def test_pairwise_distances_are_the_distances():
    for view, distance in (("frobenius", rms_frobenius), ("wasserstein", wasserstein)):
        matrix = pairwise_distances(SET[:4], view)
        assert matrix == pytest.approx(np.array([[distance(a, b) for b in SET[:4]] for a in SET[:4]]), abs=1e-7)
    uneven = [A, random_cloud(7, 5, 3, weighted=True), random_cloud(9, 5, 4)]
    matrix = pairwise_distances(uneven, "wasserstein")
    assert matrix == pytest.approx(np.array([[wasserstein(a, b) for b in uneven] for a in uneven]), abs=1e-7)
    assert matrix[0, 1] > 0.1


def test_pca_linearises_around_the_reference():
    """Around one of two clouds their distance is exact; around a third one it is longer."""
    c = random_cloud(12, 5, 2)
    around = {
        name: pdist(project([B, c], "wasserstein", reference=cloud).points)[0] for name, cloud in (("b", B), ("a", A))
    }
    assert around["b"] == pytest.approx(wasserstein(B, c))
    assert pdist(project([B, c], "wasserstein").points)[0] == pytest.approx(around["b"])
    b_map, c_map = linearise([B, c], A)
    assert around["a"] == pytest.approx(np.linalg.norm(b_map - c_map))
    assert around["a"] > 1.01 * around["b"]


@pytest.mark.parametrize("method", ["pca", "mds"])
def test_row_order_shows_in_the_frobenius_view_only(method):
    clouds = [*SET, SET[-1].take(ORDER)]
    apart = {view: pdist(project(clouds, view, method=method).points) for view in ("frobenius", "wasserstein")}
    last = {view: squareform(all)[-1, -2] / all.mean() for view, all in apart.items()}
    assert last["wasserstein"] < 1e-3
    assert last["frobenius"] > 0.3


def test_a_geodesic_projects_to_a_straight_line_without_distortion():
    path = build_path("optimal", A, B)
    projection = project([path(t) for t in np.linspace(0, 1, 7)], "wasserstein")
    assert projection.axes[0] == "PC 1 (100% of variance)"
    steps = np.diff(projection.points[:, 0])
    assert steps == pytest.approx(np.full(6, steps[0]))
    assert projection.stress == pytest.approx(0, abs=1e-6)
    assert projection.trustworthiness is not None
    assert projection.trustworthiness > 0.9  # neighbours at equal distance may change places


def test_mds_shows_the_distances_as_they_are_where_a_plane_can():
    path = build_path("optimal", A, B)
    projection = project([path(t) for t in np.linspace(0, 1, 7)], "wasserstein", method="mds")
    assert pdist(projection.points).max() == pytest.approx(wasserstein(A, B), rel=1e-3)
    assert projection.stress < 1e-3


def test_distortion_is_reported_where_a_plane_cannot():
    """Nine clouds in general position span eight dimensions."""
    for method in ("pca", "mds"):
        assert 0.1 < project(SET, "wasserstein", method=method).stress < 0.9


def test_stress_ignores_scale_and_counts_what_is_lost():
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    distances = squareform(pdist(corners))
    assert stress(distances, 7 * corners) == pytest.approx(0, abs=1e-12)
    flat = corners * [1, 0]  # two sides and two diagonals of length 1 are left; β = (2 + 2√2) / 4
    scale = (1 + 2**0.5) / 2
    lost = 2 * (1 - scale) ** 2 + 2 + 2 * (2**0.5 - scale) ** 2
    assert stress(distances, flat) == pytest.approx((lost / 8) ** 0.5)
    assert stress(distances, corners * 0) == 1


def venna_and_kaski(distances: np.ndarray, points: np.ndarray, k: int) -> float:
    """1 − 2 / (nk(2n − 3k − 1)) Σ over neighbours on the plane that are none in truth of (true rank − k)."""
    n, shown = len(points), squareform(pdist(points))
    ranks = distances.argsort(axis=1).argsort(axis=1)
    neighbours = shown.argsort(axis=1)[:, 1 : k + 1]
    excess = np.clip(np.take_along_axis(ranks, neighbours, axis=1) - k, 0, None).sum()
    return 1 - 2 * excess / (n * k * (2 * n - 3 * k - 1))


def test_trustworthiness_counts_false_neighbours():
    projection = project(SET, "wasserstein", method="mds")
    expected = venna_and_kaski(pairwise_distances(SET, "wasserstein"), projection.points, k=4)
    assert projection.trustworthiness == pytest.approx(expected)
    assert projection.trustworthiness < 0.95
    assert project(SET[:2], "wasserstein", method="mds").trustworthiness is None


def test_distortion_in_words():
    points, axes = np.zeros((2, 2)), ("PC 1", "PC 2")
    assert Projection(points, axes, 0.123, 0.9876).distortion == "stress 0.12, trustworthiness 0.99"
    assert Projection(points, axes, 0.123, None).distortion == "stress 0.12"
    sampled = Projection(points, axes, 0.5, 0.5, sampled=200).distortion
    assert sampled == "stress 0.50, trustworthiness 0.50 (of a sample of 200)"


@pytest.mark.parametrize("method", ["pca", "mds"])
def test_clouds_that_are_all_the_same_stay_at_the_origin(method):
    projection = project([A, A, A], "frobenius", method=method)
    assert (projection.points == 0).all()
    assert projection.stress == 0


def test_umap_keeps_neighbours_together_in_any_order_of_rows_and_is_the_same_for_the_same_seed():
    rng = np.random.default_rng(0)
    groups = [
        [
            PointCloud(centre.rows + 0.1 * random_cloud(12, 5, k).rows).take(rng.permutation(12).tolist())
            for k in range(8)
        ]
        for centre in (A, B)
    ]
    first, again, other = (project([*groups[0], *groups[1]], "wasserstein", method="umap", seed=k) for k in (1, 1, 2))
    assert (first.points == again.points).all()
    assert (first.points != other.points).any()
    near, far = (np.linalg.norm(first.points[:8] - first.points[8 * k :][:8].mean(axis=0), axis=1) for k in (0, 1))
    assert (near < far).all()


def test_umap_of_paths_that_are_no_matrices_is_drawn_however_few_are_left_for_the_frobenius_view():
    a, b = random_cloud(6, 4, 0), random_cloud(6, 4, 1)
    clouds = {"mixture": [build_path("mixture", a, b)(k / 8) for k in range(9)]}
    frobenius, wasserstein = draw_projection(clouds, a, method="umap").axes
    assert frobenius.get_xlabel().startswith("MDS")
    assert wasserstein.get_xlabel() == "UMAP 1"


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="different width"):
        linearise([random_cloud(12, 4, 0)], A)
    with pytest.raises(ValueError, match=r"different shape.*\(7, 5\), \(12, 5\)"):
        project([A, random_cloud(7, 5, 0)], "frobenius")
    with pytest.raises(ValueError, match="unknown 'tsne'; known: pca, mds, umap"):
        project(SET, "wasserstein", method="tsne")
    with pytest.raises(ValueError, match="UMAP needs at least 5 clouds, got 4"):
        project(SET[:4], "wasserstein", method="umap")
