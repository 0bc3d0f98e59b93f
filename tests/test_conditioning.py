"""Conditionings of one part and of several, and paths between them."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from tests.conftest import random_cloud
from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.families.stable_diffusion import STABLE_DIFFUSION
from whichway.analysis.paths.chosen_method import ChosenMethod
from whichway.analysis.paths.conditioning_path import join
from whichway.geometry import optimal_coupling, wasserstein

A = Conditioning(
    {"clip": random_cloud(7, 4, 0), "t5": random_cloud(9, 6, 1)},
    {"clip": 7.0, "t5": 9.0},
    {"pooled": torch.tensor([1.0, 0.0])},
)
B = Conditioning(
    {"clip": random_cloud(7, 4, 2), "t5": random_cloud(9, 6, 3)},
    {"clip": 5.0, "t5": 9.0},
    {"pooled": torch.tensor([0.0, 2.0])},
)


def test_a_mass_is_one_for_each_row_unless_it_is_said():
    assert Conditioning({"text": random_cloud(7, 4, 0)}).masses == {"text": 7.0}


@pytest.mark.parametrize(
    ("clouds", "masses", "message"),
    [
        ({}, {}, "clouds: wanted at least one"),
        ({"text": random_cloud(2, 2, 0)}, {"other": 1.0}, "masses: wanted a positive number for each of text"),
        ({"text": random_cloud(2, 2, 0)}, {"text": 0.0}, "masses: wanted a positive number for each of text"),
    ],
)
def test_what_is_no_conditioning_is_named(clouds, masses, message):
    with pytest.raises(ValueError, match=message):
        Conditioning(clouds, masses)


def test_the_only_cloud_is_refused_where_there_are_two():
    assert Conditioning({"text": A.clouds["t5"]}).cloud is A.clouds["t5"]
    with pytest.raises(ValueError, match="has 2 clouds: clip, t5"):
        _ = A.cloud
    with pytest.raises(ValueError, match="has 2 clouds: clip, t5"):
        _ = join("optimal", ChosenMethod("optimal"), A, B, model=None).cloud


def test_all_parts_move_at_the_same_t_and_each_cloud_by_its_own_coupling():
    path = join("optimal", ChosenMethod("optimal"), A, B, model=None)
    quarter = path(0.25)
    for name in ("clip", "t5"):
        a, b = A.clouds[name], B.clouds[name]
        assert wasserstein(a, quarter.clouds[name]) == pytest.approx(0.25 * wasserstein(a, b))
        coupling = path.clouds[name].coupling
        assert torch.equal(coupling.targets, optimal_coupling(a, b).targets)
    assert quarter.masses == {"clip": 6.5, "t5": 9.0}
    assert quarter.vectors["pooled"].tolist() == pytest.approx([0.75, 0.5])


@pytest.mark.parametrize("name", ["identity", "random", "optimal", "mixture"])
def test_the_ends_are_the_two_conditionings(name):
    path = join(name, ChosenMethod(name), A, B, model=None)
    for t, end in ((0, A), (1, B)):
        for encoder, cloud in end.clouds.items():
            assert wasserstein(path(t).clouds[encoder], cloud) == pytest.approx(0, abs=1e-7)
        assert path(t).masses == end.masses
        assert torch.equal(path(t).vectors["pooled"], end.vectors["pooled"])


@pytest.mark.usefixtures("unchecked_shapes")  # a family alone stands for its model
def test_rows_that_know_their_places_are_not_matched_anew():
    model = SimpleNamespace(family=replace(STABLE_DIFFUSION, name="a rotary family", symmetry="sequence"))
    with pytest.raises(UserError, match="rows of a rotary family know their places, so that only identity joins them"):
        join("optimal", ChosenMethod("optimal"), A, B, model=model)
    assert join("identity", ChosenMethod("identity"), A, B, model=model)(0.5).masses["clip"] == 6


def test_clouds_that_a_method_cannot_join_are_named():
    shorter = Conditioning({"text": random_cloud(5, 4, 0)})
    with pytest.raises(UserError, match=r"method 'random': clouds of different shape.* as many rows as tokens"):
        join("random", ChosenMethod("random"), shorter, Conditioning({"text": random_cloud(7, 4, 0)}), model=None)


def pooled_at(method, choice, t):
    path = join(method, ChosenMethod(method, pooled=choice), A, B, model=None)
    return path(t).vectors["pooled"]


@pytest.mark.parametrize("method", ["identity", "optimal", "mixture", "partial", "unbalanced"])
def test_a_pooled_vector_moves_straight_where_rows_do_or_only_fade(method):
    assert pooled_at(method, "auto", 0.25).tolist() == pytest.approx([0.75, 0.5])


@pytest.mark.parametrize("method", ["spherical", "slerp", "identity+spherical"])
def test_a_pooled_vector_moves_on_its_great_circle_where_rows_do(method):
    """Of (1, 0) and (0, 2), a right angle: (cos, 2 sin) of t·90°."""
    angle = torch.tensor(0.25 * torch.pi / 2)
    wanted = [float(angle.cos()), 2 * float(angle.sin())]
    assert pooled_at(method, "auto", 0.25).tolist() == pytest.approx(wanted)
    assert pooled_at("optimal", "spherical", 0.25).tolist() == pytest.approx(wanted)
    assert pooled_at(method, "linear", 0.25).tolist() == pytest.approx([0.75, 0.5])


@pytest.mark.parametrize("method", ["optimal", "slerp"])
@pytest.mark.parametrize(("choice", "held"), [("start", A), ("end", B)])
def test_a_pooled_vector_can_be_held_at_either_end_while_the_rows_move(method, choice, held):
    path = join(method, ChosenMethod(method, pooled=choice), A, B, model=None)
    for t in (0, 0.3, 1):
        assert torch.equal(path(t).vectors["pooled"], held.vectors["pooled"])
    assert wasserstein(path(1).clouds["t5"], B.clouds["t5"]) == pytest.approx(0, abs=1e-6)


def test_vectors_without_one_great_circle_are_refused_in_words():
    opposite = replace(A, vectors={"pooled": -A.vectors["pooled"]})
    with pytest.raises(UserError, match="method 'x', pooled vector: between opposite vectors there is no one great"):
        join("x", ChosenMethod("spherical"), A, opposite, model=None)
    assert join("x", ChosenMethod("spherical", pooled="linear"), A, opposite, model=None)(1)


def test_a_vector_of_zeros_has_the_other_ones_direction():
    zero = replace(A, vectors={"pooled": torch.zeros(2)})
    half = join("x", ChosenMethod("spherical"), zero, B, model=None)(0.5).vectors["pooled"]
    assert half.tolist() == pytest.approx([0.0, 1.0])


def test_a_choice_for_a_vector_that_is_not_there_is_refused():
    alone = Conditioning({"text": A.clouds["t5"]})
    assert join("optimal", ChosenMethod("optimal"), alone, alone, model=None)
    with pytest.raises(UserError, match="pooled: 'start', but this model's texts have no pooled vector; leave it out"):
        join("optimal", ChosenMethod("optimal", pooled="start"), alone, alone, model=None)


def test_parts_can_be_moved_alone():
    path = join("optimal", ChosenMethod("optimal"), A, B, model=None)
    moved, middle = path.with_moved({"clip"}, 0.5), path(0.5)
    assert torch.equal(moved.clouds["clip"].rows, middle.clouds["clip"].rows)
    assert torch.equal(moved.clouds["t5"].rows, path(0).clouds["t5"].rows)
    assert moved.masses == {"clip": 6.0, "t5": 9.0}
    assert torch.equal(moved.vectors["pooled"], A.vectors["pooled"])
    only_vector = path.with_moved({"pooled"}, 1)
    assert torch.equal(only_vector.vectors["pooled"], B.vectors["pooled"])
    assert only_vector.masses == A.masses
    assert torch.equal(only_vector.clouds["clip"].rows, path(0).clouds["clip"].rows)
