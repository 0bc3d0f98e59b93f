"""A conditioning of several parts: what is measured of each, what that is called, and which parts can be named."""

import math
from pathlib import Path

import pytest
import torch

from tests.conftest import random_cloud
from whichway.analysis.clouds.parts import choose_parts, file_of_part, measure_name, named_by_encoder, parts_of
from whichway.analysis.clouds.prompt_distances import measure_distances
from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.runs.change_by_part import parts_that_move, titles_of_moves
from whichway.analysis.runs.method_results import MethodResult
from whichway.analysis.smoothness.measures import Smoothness
from whichway.geometry import rms_frobenius, wasserstein

SD1 = Conditioning({"text": random_cloud(7, 4, 0)})
XL = Conditioning({"clip": random_cloud(7, 4, 0)}, vectors={"pooled": torch.tensor([1.0, 0.0])})
SD3 = Conditioning(
    {"clip": random_cloud(7, 4, 0), "t5": random_cloud(9, 6, 1)}, vectors={"pooled": torch.tensor([3.0, 0.0])}
)
OTHER = Conditioning(
    {"clip": random_cloud(7, 4, 2), "t5": random_cloud(9, 6, 3)}, vectors={"pooled": torch.tensor([0.0, 4.0])}
)


def test_a_vector_is_the_cloud_of_one_row():
    parts = parts_of(SD3)
    assert list(parts) == ["clip", "t5", "pooled"]
    assert wasserstein(parts["pooled"], parts_of(OTHER)["pooled"]) == pytest.approx(5)


def test_each_part_has_distances_of_its_own_and_there_is_no_sum():
    distances = measure_distances(SD3, OTHER)
    for encoder in ("clip", "t5"):
        a, b = SD3.clouds[encoder], OTHER.clouds[encoder]
        assert distances[f"wasserstein_{encoder}"] == pytest.approx(wasserstein(a, b))
        assert distances[f"rms_frobenius_{encoder}"] == pytest.approx(rms_frobenius(a, b))
    assert distances["distance_pooled"] == pytest.approx(5)
    assert distances["angle_pooled"] == pytest.approx(90)
    assert not {"wasserstein", "rms_frobenius", "centroid"} & set(distances)


def test_one_encoder_needs_no_name():
    a, b = XL.clouds["clip"], OTHER.clouds["clip"]
    alone = measure_distances(a, b)
    assert alone == measure_distances(Conditioning({"text": a}), Conditioning({"text": b}))
    both = measure_distances(XL, Conditioning({"clip": b}, vectors={"pooled": torch.tensor([1.0, 1.0])}))
    assert {**alone, "distance_pooled": 1.0, "angle_pooled": pytest.approx(45)} == both


def test_what_does_not_exist_is_none():
    """Of masked texts: clouds of different size have no matrices to compare; a zero vector has no angle."""
    zero = Conditioning({"clip": random_cloud(5, 4, 4)}, vectors={"pooled": torch.zeros(2)})
    distances = measure_distances(XL, zero)
    assert distances["rms_frobenius"] is None
    assert distances["share_moved"] is None
    assert distances["angle_pooled"] is None
    assert distances["wasserstein"] > 0
    assert distances["distance_pooled"] == 1


def test_names_and_files():
    assert measure_name("length", "text", ["text"]) == "length"
    assert named_by_encoder({"clip": {"length": 1}, "t5": {"length": 2}}) == {"length_clip": 1, "length_t5": 2}
    assert file_of_part(Path("runs/D.npy"), "text", SD1) == Path("runs/D.npy")
    assert file_of_part(Path("runs/D.npy"), "pooled", XL) == Path("runs/D-pooled.npy")


def test_parts_are_chosen_by_name():
    assert choose_parts(["all"], SD3) == ("clip", "t5", "pooled")
    assert choose_parts(["pooled", "clip"], SD3) == ("clip", "pooled")
    with pytest.raises(UserError, match=r"parts: unknown 't5'; this model's texts have clip, pooled, or all"):
        choose_parts(["t5"], XL)
    with pytest.raises(UserError, match="parts: none named"):
        choose_parts([], XL)


def test_what_can_move_alone():
    assert parts_that_move(SD1) == {"everything": ("text",)}
    assert parts_that_move(XL) == {"everything": ("clip", "pooled"), "rows": ("clip",), "pooled": ("pooled",)}
    assert parts_that_move(SD3) == {
        "everything": ("clip", "t5", "pooled"),
        "rows": ("clip", "t5"),
        "clip": ("clip",),
        "t5": ("t5",),
        "pooled": ("pooled",),
    }
    assert list(titles_of_moves(parts_that_move(SD3), SD3.clouds).values()) == [
        "everything",
        "rows only",
        "rows of clip only",
        "rows of t5 only",
        "pooled vector only",
    ]


@pytest.mark.parametrize("encoders", [("text",), ("clip", "t5")])
def test_results_come_back_from_json(encoders):
    lengths = {encoder: float(number) for number, encoder in enumerate(encoders)}
    shares: dict[str, float | None] = dict.fromkeys(encoders)
    result = MethodResult([0, 1], [0.5], Smoothness(0.5, 0.25, 1.0, 1.0, 0.0), lengths, shares, 1)
    assert MethodResult.from_json(result.as_json(), encoders) == result
    assert ("length" in result.as_json()) == (len(encoders) == 1)
    assert result.length == (0 if len(encoders) == 1 else None)
    assert math.isclose(sum(lengths.values()), len(encoders) - 1)
