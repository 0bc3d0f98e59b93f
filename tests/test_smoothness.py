"""Smoothness of perceptual steps: known answers, and what the measures do not depend on."""

from dataclasses import fields

import numpy as np
import pytest

from whichway.analysis.smoothness.measures import TITLES, Smoothness, gini, measure_smoothness


def test_an_even_straight_path_is_perfect():
    smooth = measure_smoothness(np.full(8, 0.25), 2.0)
    assert (smooth.ppl, smooth.energy, smooth.directness, smooth.worst_step, smooth.gini) == (2, 4, 1, 1, 0)


def test_known_values():
    smooth = measure_smoothness(np.array([0.0, 1.0, 3.0]), 2.0)
    assert smooth.ppl == 4
    assert smooth.energy == 3 * 10
    assert smooth.directness == 0.5
    assert smooth.worst_step == pytest.approx(9 / 4)
    assert smooth.gini == pytest.approx(0.5)  # (1 + 3 + 2) · 2 / (2 · 9 · 4/3)


def test_energy_is_at_least_the_squared_length():
    steps = np.random.default_rng(0).random(20)
    smooth = measure_smoothness(steps, 1.0)
    assert smooth.energy > smooth.ppl**2


def test_gini_of_one_jump_reaches_its_bound():
    assert gini(np.array([0, 0, 0, 1.0])) == pytest.approx(1 - 1 / 4)


def test_gini_ignores_scale_and_order():
    steps = np.random.default_rng(1).random(9)
    assert gini(steps) == pytest.approx(gini(7 * steps[::-1]))


def test_a_path_that_does_not_move_has_no_ratios():
    smooth = measure_smoothness(np.zeros(4), 0.0)
    assert (smooth.ppl, smooth.energy) == (0, 0)
    assert smooth.directness is smooth.worst_step is smooth.gini is None


@pytest.mark.parametrize("steps", [[], [-1.0], [np.nan], [np.inf, 1.0]])
def test_bad_steps_are_refused(steps):
    with pytest.raises(ValueError, match="finite non-negative"):
        measure_smoothness(np.array(steps, dtype=float), 1.0)


def test_every_measure_has_a_title():
    assert list(TITLES) == [field.name for field in fields(Smoothness)]
