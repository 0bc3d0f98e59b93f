import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import random_cloud
from whichway.geometry import (
    CloudStack,
    Cosine,
    PointCloud,
    flatten_rows,
    nearest_neighbours,
    pairwise_wasserstein,
    rms_frobenius,
    slice_rows,
    sliced_wasserstein,
    wasserstein,
)
from whichway.geometry.lower_bounds import LowerBounds, feature_blocks
from whichway.geometry.neighbours import COMPARED, batches_of_queries
from whichway.geometry.pairwise import BLOCK, blocks_of, wasserstein_pairs

SET = [random_cloud(12, 5, seed) for seed in range(30)]  # more than a block
ORDER = torch.randperm(12, generator=torch.Generator().manual_seed(0))


def families(count, n=10, d=6, groups=5, seed=0):
    """Clouds near one of a few centres, as prompts of a few kinds are."""
    generator = torch.Generator().manual_seed(seed)
    centres = 3 * torch.randn(groups, n, d, generator=generator, dtype=torch.float64)
    noise = torch.randn(count, n, d, generator=generator, dtype=torch.float64)
    return [PointCloud(centres[index % groups] + each) for index, each in enumerate(noise)]


def brute_force(distances, k):
    others = distances + np.diag(np.full(len(distances), np.inf))
    indices = np.argsort(others, axis=1, kind="stable")[:, :k]
    return indices, np.take_along_axis(others, indices, axis=1)


@pytest.mark.parametrize("ground", [None, Cosine()])
def test_all_pairs_are_what_each_pair_is(ground):
    options = {} if ground is None else {"ground": ground}
    matrix = pairwise_wasserstein(SET, **options)
    assert len(SET) > BLOCK
    assert (matrix == matrix.T).all()
    assert not matrix.diagonal().any()
    for i, j in [(1, 0), (29, 3), (25, 24), (12, 28)]:
        assert matrix[i, j] == pytest.approx(wasserstein(SET[i], SET[j], **options), rel=1e-9)


def test_pairs_of_a_list_are_what_they_are_in_the_matrix():
    stack = CloudStack.of(SET)
    first, second = np.tril_indices(len(SET), -1)
    assert len(first) > 96
    assert wasserstein_pairs(stack, first, second) == pytest.approx(pairwise_wasserstein(SET)[first, second], rel=1e-9)


def test_the_order_of_rows_means_nothing():
    shuffled = [SET[0].take(ORDER), *SET[1:4]]
    assert pairwise_wasserstein(shuffled) == pytest.approx(pairwise_wasserstein(SET[:4]), rel=1e-9)
    assert pairwise_wasserstein([SET[0], SET[0].take(ORDER)])[0, 1] == pytest.approx(0, abs=1e-6)


def test_a_far_common_offset_costs_no_digits():
    moved = [PointCloud(cloud.rows + 1e4) for cloud in SET[:4]]
    assert pairwise_wasserstein(moved) == pytest.approx(pairwise_wasserstein(SET[:4]), rel=1e-7)


@pytest.mark.parametrize("count", [1, 5, 24, 25, 60])
def test_blocks_cover_the_lower_triangle_once(count):
    covered = np.zeros((count, count), int)
    for rows, columns in blocks_of(count):
        covered[rows, columns] += 1
    assert (np.tril(covered) == np.tril(np.ones((count, count)))).all()


def test_neighbours_are_those_of_the_whole_matrix_and_few_pairs_are_solved():
    clouds = families(300)
    found = nearest_neighbours(CloudStack.of(clouds), 15)
    indices, distances = brute_force(pairwise_wasserstein(clouds), 15)
    assert (found.indices == indices).all()
    assert found.distances == pytest.approx(distances, rel=1e-9)
    assert found.share_solved < 0.3


def test_all_pairs_solved_is_a_share_of_one():
    everybody = nearest_neighbours(CloudStack.of(families(6)), 5)
    assert everybody.share_solved == 1


def test_it_says_how_many_are_done(monkeypatch):
    done: list[int] = []
    monkeypatch.setattr("whichway.geometry.neighbours.QUERIES", 4)
    nearest_neighbours(CloudStack.of(families(10)), 2, report=done.append)
    assert sum(done) == 10
    assert len(done) == 3


@settings(max_examples=20, deadline=None)
@given(count=st.integers(3, 40), seed=st.integers(0, 1000), width=st.integers(1, 6))
def test_neighbours_are_exact_for_any_set(count, seed, width):
    clouds = families(count, n=4, d=width, seed=seed)
    k = 1 + seed % (count - 1)
    found = nearest_neighbours(CloudStack.of(clouds), k)
    assert found.distances == pytest.approx(brute_force(pairwise_wasserstein(clouds), k)[1], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("apart", [1e-7, 1e-8])
def test_neighbours_among_near_duplicates_are_those_of_all_pairs(apart):
    """Rounding lifts bounds above distances here, by more than any factor near 1 takes off."""
    generator = torch.Generator().manual_seed(0)
    base = torch.randn(10, 8, generator=generator, dtype=torch.float64)
    noise = torch.randn(39, 10, 8, generator=generator, dtype=torch.float64)
    stack = CloudStack.of([*(PointCloud(base + apart * each) for each in noise), PointCloud(-base)])
    count = len(stack)
    first, second = np.tril_indices(count, -1)
    distances = np.zeros((count, count))
    distances[first, second] = distances[second, first] = wasserstein_pairs(stack, second, first)
    found = nearest_neighbours(stack, 3)
    assert (found.distances == brute_force(distances, 3)[1]).all()


def test_rounding_stays_below_what_is_allowed_for_it():
    """Of clouds that are one cloud in other orders, every W_2 is rounding and nothing else."""
    generator = torch.Generator().manual_seed(1)
    shuffled = [random_cloud(40, 30, 0).take(torch.randperm(40, generator=generator)) for _ in range(6)]
    stack = CloudStack.of([*shuffled, random_cloud(40, 30, 1)])
    first, second = np.tril_indices(6, -1)
    assert (wasserstein_pairs(stack, first, second) ** 2).max() < stack.squared_rounding
    assert stack.squared_rounding < 1e-8 * wasserstein(shuffled[0], random_cloud(40, 30, 1)) ** 2


def test_clouds_that_are_all_the_same_are_neighbours_at_distance_zero():
    found = nearest_neighbours(CloudStack.of([SET[0], SET[0].take(ORDER), SET[0], SET[0]]), 2)
    assert found.distances == pytest.approx(0, abs=1e-6)
    assert all(index not in row for index, row in enumerate(found.indices.tolist()))


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 9), d=st.integers(1, 40), seed=st.integers(0, 1000))
def test_bounds_hold(n, d, seed):
    clouds = [random_cloud(n, d, seed + index) for index in range(4)]
    exact = pairwise_wasserstein(clouds)
    features = torch.cat([block for _, block in feature_blocks(CloudStack.of(clouds), directions=3)])
    assert (torch.cdist(features, features).numpy() <= exact * (1 + 1e-9) + 1e-9).all()
    all_directions = slice_rows(clouds, directions=d)
    for i, j in [(0, 1), (2, 3)]:
        assert np.linalg.norm(all_directions[i] - all_directions[j]) <= exact[i, j] * (1 + 1e-9)
        assert exact[i, j] <= rms_frobenius(clouds[i], clouds[j]) * (1 + 1e-9) + 1e-9


@settings(max_examples=20, deadline=None)
@given(count=st.integers(3, 30), seed=st.integers(0, 1000), away=st.sampled_from([0.0, 1e3, 1e6]))
def test_bounds_hold_although_their_features_are_rounded(count, seed, away):
    """Far from the origin, and between clouds that are nearly one."""
    clouds = [PointCloud(cloud.rows * 1e-3 + away) for cloud in families(count, n=4, d=5, seed=seed)]
    stack = CloudStack.of(clouds)
    exact = pairwise_wasserstein(clouds)
    bounds = LowerBounds.of(stack)
    everything = np.arange(count)
    for query in range(count):
        assert (bounds.fine(query, everything) <= exact[query]).all()
    assert (bounds.coarse(everything) <= exact).all()


def test_bounds_are_lowered_by_both_roundings():
    """First by what the features lost, then, in their squares, by what sums of products may lose"""
    features = np.array([[0.0], [3.0], [0.5]])
    bounds = LowerBounds(features, torch.from_numpy(features), rounding=1.0, squared_rounding=1.75)
    assert bounds.fine(0, np.arange(3)) == pytest.approx([0, 1.5, 0], abs=1e-7)
    assert bounds.coarse(np.arange(3))[0] == pytest.approx([0, 1.5, 0], abs=1e-7)


def test_features_on_disk_are_those_in_memory(tmp_path):
    stack = CloudStack.of(SET)
    kept, held = LowerBounds.of(stack, tmp_path / "features.npy"), LowerBounds.of(stack)
    assert kept.features[:].dtype == np.float32
    assert (kept.features[:] == held.features).all()
    assert (kept.components == held.components).all()
    assert kept.rounding == held.rounding > 0
    [again] = pickle.loads(pickle.dumps([kept.features]))
    assert again == kept.features
    assert (kept.fine(3, np.array([0, 7])) == held.fine(3, np.array([0, 7]))).all()


def test_of_many_clouds_fewer_are_searched_together():
    assert [len(batch) for batch in batches_of_queries(600)] == [256, 256, 88]
    assert len(batches_of_queries(100_000)[0]) * 100_000 <= COMPARED
    assert np.concatenate(batches_of_queries(100_000)).tolist() == [*range(100_000)]


def test_slices_are_sliced_wasserstein_in_the_units_of_wasserstein():
    slices = slice_rows(SET[:2], directions=5)
    pot = sliced_wasserstein(*SET[:2], projections=20_000) * 5**0.5
    many = [np.linalg.norm(np.subtract(*slice_rows(SET[:2], directions=5, seed=seed))) for seed in range(50)]
    assert np.linalg.norm(slices[0] - slices[1]) == pytest.approx(pot, rel=0.1)
    assert np.sqrt(np.mean(np.square(many))) == pytest.approx(pot, rel=0.02)


def test_flattened_rows_of_clouds_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="different shape"):
        flatten_rows([SET[0], random_cloud(7, 5, 0)])


@pytest.mark.parametrize(
    ("clouds", "message"),
    [
        ([], "wanted at least one, got none"),
        ([SET[0], random_cloud(7, 5, 0)], r"wanted one shape, got \(7, 5\), \(12, 5\)"),
        ([random_cloud(12, 5, 0, weighted=True)], "wanted uniform weights"),
    ],
)
def test_clouds_that_do_not_stack_are_named(clouds, message):
    with pytest.raises(ValueError, match=message):
        CloudStack.of(clouds)


@pytest.mark.parametrize("k", [0, 30])
def test_a_number_of_neighbours_that_cannot_be_is_named(k):
    with pytest.raises(ValueError, match=f"k: wanted 1 to 29, fewer than the clouds, got {k}"):
        nearest_neighbours(CloudStack.of(SET), k)
