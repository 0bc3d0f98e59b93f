import pytest
import torch
from safetensors import safe_open

from tests.conftest import random_cloud
from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.families.conditioning_file import read_conditionings, write_conditionings
from whichway.geometry import PointCloud

NAMED = PointCloud(torch.randn(3, 2), labels=("a", "<b>", "\N{FOX FACE}"), size=2, source="a fox")


@pytest.mark.parametrize(
    "conditioning",
    [
        Conditioning({"text": NAMED}, source="a fox"),
        Conditioning({"t5": random_cloud(5, 4, 0, weighted=True)}),
        Conditioning({"t5": random_cloud(5, 4, 0), "clip": NAMED}, {"t5": 2.5, "clip": 3}, {"pooled": torch.randn(7)}),
    ],
)
def test_conditionings_come_back_as_they_were(tmp_path, conditioning):
    path = tmp_path / "clouds.safetensors"
    write_conditionings(path, {"A": conditioning, "B": Conditioning({"text": NAMED})})
    read = read_conditionings(path)
    assert list(read) == ["A", "B"]
    assert read["A"].masses == conditioning.masses
    assert set(read["A"].clouds) == set(conditioning.clouds)
    for encoder, cloud in conditioning.clouds.items():
        same = read["A"].clouds[encoder]
        assert torch.equal(same.rows, cloud.rows)
        assert torch.equal(same.weights, cloud.weights)
        assert (same.labels, same.size, same.source) == (cloud.labels, cloud.size, cloud.source)
    assert {name: v.tolist() for name, v in read["A"].vectors.items()} == {
        name: v.tolist() for name, v in conditioning.vectors.items()
    }


def test_the_encoders_come_back_in_their_order(tmp_path):
    path = tmp_path / "clouds.safetensors"
    write_conditionings(path, {"A": Conditioning({"t5": NAMED, "clip": NAMED})})
    assert list(read_conditionings(path)["A"].clouds) == ["t5", "clip"]


def test_a_family_of_one_cloud_has_the_file_that_it_always_had(tmp_path):
    path = tmp_path / "clouds.safetensors"
    write_conditionings(path, {"A": Conditioning({"text": NAMED}), "B": Conditioning({"text": NAMED})})
    with safe_open(path, framework="pt") as file:
        assert set(file.keys()) == {"A.rows", "A.weights", "B.rows", "B.weights"}
        assert set(file.metadata()) == {"A", "B"}
        assert "mass" not in file.metadata()["A"]


@pytest.mark.parametrize("content", [None, b"", b"PK rubbish"])
def test_a_file_of_another_kind_is_named(tmp_path, content):
    path = tmp_path / "clouds.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="holds no conditionings, or is damaged"):
        read_conditionings(path)
