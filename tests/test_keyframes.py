"""Legs between keyframes: they meet, smoothly along a spline, whatever travels beside the rows."""

import re

import pytest
import torch

from tests.conftest import random_cloud
from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.paths.chosen_method import choose_method
from whichway.analysis.paths.keyframes import join_keyframes
from whichway.geometry import wasserstein

KEYFRAMES = [
    Conditioning({"text": random_cloud(6, 4, seed)}, vectors={"pooled": torch.randn(5, dtype=torch.float64)})
    for seed in range(3)
]


def legs(name="optimal", times=(0.0, 2.0, 3.0), **options):
    return join_keyframes(name, choose_method(name), KEYFRAMES, times, **options)


@pytest.mark.parametrize("name", ["optimal", "identity"])
@pytest.mark.parametrize("interpolation", ["linear", "spline"])
@pytest.mark.parametrize("closed", [False, True])
def test_every_leg_begins_and_ends_in_its_keyframes(name, interpolation, closed):
    times = (0.0, 2.0, 3.0, 7.0) if closed else (0.0, 2.0, 3.0)
    paths = legs(name, times, interpolation=interpolation, closed=closed)
    assert len(paths) == len(times) - 1
    for number, path in enumerate(paths):
        for t, keyframe in ((0.0, KEYFRAMES[number]), (1.0, KEYFRAMES[(number + 1) % 3])):
            assert wasserstein(path(t).cloud, keyframe.cloud) == pytest.approx(0, abs=1e-7)
            assert torch.allclose(path(t).vectors["pooled"], keyframe.vectors["pooled"])


@pytest.mark.parametrize(("interpolation", "smooth"), [("linear", False), ("spline", True)])
def test_only_along_the_spline_is_the_pooled_vector_as_fast_before_a_keyframe_as_after_it(interpolation, smooth):
    before, after = legs(interpolation=interpolation)
    step = 1e-5
    arriving = (before(1.0).vectors["pooled"] - before(1 - step).vectors["pooled"]) / (2.0 * step)
    leaving = (after(step).vectors["pooled"] - after(0.0).vectors["pooled"]) / (1.0 * step)
    assert torch.allclose(arriving, leaving, atol=1e-3) == smooth


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: legs(times=(0.0, 1.0)), "at: wanted 3 increasing times, got 0, 1"),
        (lambda: legs(times=(0.0, 2.0, 2.0)), "at: wanted 3 increasing times, got 0, 2, 2"),
        (lambda: legs("mixture", interpolation="spline"), "wanted one whose rows move straight"),
        (lambda: legs("geodesic"), "method 'geodesic' is found by rendering, and only between two prompts"),
    ],
)
def test_bad_input_is_one_line(make, message):
    with pytest.raises(UserError, match=re.escape(message)):
        make()
