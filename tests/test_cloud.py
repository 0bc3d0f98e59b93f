import jaxtyping
import pytest
import torch

from tests.conftest import random_cloud
from whichway.geometry import PointCloud


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normalised_weights_stay_the_same_to_the_last_bit(dtype):
    generator = torch.Generator().manual_seed(0)
    for n in (1, 3, 77, 300):
        rows = torch.randn(n, 4, generator=generator, dtype=dtype)
        for once in (PointCloud(rows), PointCloud(rows, torch.rand(n, generator=generator, dtype=dtype) + 0.01)):
            assert torch.equal(PointCloud(rows, once.weights).weights, once.weights)
            assert torch.equal(once.take(range(n)).weights, once.weights)


def test_weights_default_to_uniform_and_are_normalised():
    cloud = random_cloud(4, 3, 0)
    assert torch.equal(cloud.weights, torch.full((4,), 0.25, dtype=torch.float64))
    weighted = PointCloud(cloud.rows, torch.tensor([1.0, 1.0, 2.0, 4.0]))
    assert weighted.weights.tolist() == [0.125, 0.125, 0.25, 0.5]


def test_shape_annotations_are_enforced_in_tests():
    with pytest.raises(jaxtyping.TypeCheckError):
        PointCloud(torch.zeros(3))


def test_permuted_rows_are_the_same_measure():
    cloud = random_cloud(5, 3, 1, weighted=True)
    shuffled = cloud.take([4, 2, 0, 1, 3])
    assert torch.allclose(shuffled.mean(), cloud.mean(), atol=1e-15)
    assert not torch.equal(shuffled.rows, cloud.rows)


def test_own_keeps_the_prompts_rows_and_labels():
    cloud = PointCloud(torch.eye(4), labels=("<s>", "fox", "</s>", "</s>"), size=3, source="fox")
    assert cloud.own().labels == ("<s>", "fox", "</s>")
    assert cloud.own().source == "fox"
    assert len(cloud.own()) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(0, 3),), r"rows: wanted .* \(0, 3\)"),
        ((torch.ones(2, 2, dtype=torch.long),), "rows: wanted floating point"),
        ((torch.tensor([[1.0, float("nan")], [0.0, 0.0]]),), "NaN or infinity in 1 of 2 rows"),
        ((torch.tensor([[1.0, float("inf")]]),), "NaN or infinity in 1 of 1 rows"),
        ((torch.eye(2), torch.tensor([2.0, -1.0])), "weights: wanted finite and non-negative"),
        ((torch.eye(2), torch.tensor([1.0, float("inf")])), "weights: wanted finite and non-negative"),
        ((torch.eye(2), torch.zeros(2)), "positive sum"),
        ((torch.eye(2), None, ("a",)), "labels: wanted 2, one for each row, got 1"),
        ((torch.eye(2), None, (), 3), "size: wanted 1 to 2, the number of rows, got 3"),
        ((torch.eye(2), None, (), 0), "size: wanted 1 to 2, the number of rows, got 0"),
    ],
)
@pytest.mark.usefixtures("unchecked_shapes")
def test_bad_clouds_are_refused_in_words(arguments, message):
    with pytest.raises(ValueError, match=message):
        PointCloud(*arguments)
