import pytest
import torch

from tests.conftest import random_cloud
from whichway.analysis.clouds.cloud_file import read_clouds, write_clouds
from whichway.analysis.errors import UserError
from whichway.geometry import PointCloud


def test_clouds_come_back_as_they_were(tmp_path):
    named = PointCloud(torch.randn(3, 2), labels=("a", "<b>", "\N{FOX FACE}"), size=2, source="a fox")
    clouds = {"A": named, "B": random_cloud(5, 4, 0, weighted=True)}
    write_clouds(tmp_path / "clouds.safetensors", clouds)
    read = read_clouds(tmp_path / "clouds.safetensors")
    assert list(read) == ["A", "B"]
    for name, cloud in clouds.items():
        assert torch.equal(read[name].rows, cloud.rows)
        assert torch.equal(read[name].weights, cloud.weights)
        assert (read[name].labels, read[name].size, read[name].source) == (cloud.labels, cloud.size, cloud.source)


@pytest.mark.parametrize("content", [None, b"", b"PK rubbish"])
def test_a_file_of_another_kind_is_named(tmp_path, content):
    path = tmp_path / "clouds.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="holds no clouds, or is damaged"):
        read_clouds(path)
