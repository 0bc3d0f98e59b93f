"""Row by row between clouds of different sizes."""

import pytest
import torch

from tests.conftest import random_cloud
from whichway.geometry import PointCloud, build_path, wasserstein
from whichway.geometry.padded import PaddedPath
from whichway.geometry.path import W1


@pytest.mark.parametrize(("n", "m"), [(3, 5), (5, 3), (4, 4)])
def test_the_ends_are_the_two_clouds(n, m):
    a, b = random_cloud(n, 4, 0), random_cloud(m, 4, 1, weighted=True)
    path = PaddedPath(a, b)
    assert wasserstein(path(0), a) == pytest.approx(0, abs=1e-7)
    assert wasserstein(path(1), b) == pytest.approx(0, abs=1e-7)
    assert len(path(0)) == n
    assert len(path(1)) == m
    assert torch.equal(path(1).rows, b.rows)  # to the last bit: a frame of B is B's


def test_a_row_without_a_partner_stays_and_fades():
    a, b = PointCloud(torch.tensor([[0.0]])), PointCloud(torch.tensor([[1.0], [5.0]]))
    middle = PaddedPath(a, b)(0.5)
    assert middle.rows.tolist() == [[0.5], [5.0]]
    assert middle.weights.tolist() == pytest.approx([0.75, 0.25])


def test_with_equal_weights_it_is_the_identity():
    a, b = random_cloud(4, 3, 0), random_cloud(4, 3, 1)
    torch.testing.assert_close(PaddedPath(a, b)(0.3).rows, build_path("identity", a, b)(0.3).rows)


def test_identity_between_clouds_of_different_sizes_is_it():
    path = build_path("identity", random_cloud(3, 4, 0), random_cloud(5, 4, 1))
    assert isinstance(path, PaddedPath)
    assert path.length_in == W1
    with pytest.raises(ValueError, match="different shape"):
        build_path("identity+spherical", random_cloud(3, 4, 0), random_cloud(5, 4, 1))
