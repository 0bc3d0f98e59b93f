"""Smoothness of perceptual steps: known answers, and what the measures do not depend on."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichway.analysis.smoothness.measures import PerceptualSteps, Smoothness, gini, measure_smoothness
from whichway.analysis.smoothness.perceptual_distance import POWERS
from whichway.analysis.smoothness.steps import measure_steps
from whichway.analysis.vocabulary import MEASURES, PERCEPTUAL_DISTANCES


def steps_along(points: np.ndarray, power: int = 1) -> PerceptualSteps:
    """Of a path through these points of a Euclidean space, under the distance ‖x − y‖^power."""

    def distances(gap: int) -> np.ndarray:
        return np.linalg.norm(points[gap:] - points[:-gap], axis=1) ** power

    return PerceptualSteps(distances(1), float(distances(len(points) - 1)[0]), distances(2), power)


def test_an_even_straight_path_is_perfect():
    smooth = measure_smoothness(PerceptualSteps(np.full(8, 0.25), 2.0))
    assert (smooth.ppl, smooth.energy, smooth.directness, smooth.worst_step, smooth.gini) == (2, 4, 1, 1, 0)


def test_known_values():
    smooth = measure_smoothness(PerceptualSteps(np.array([0.0, 1.0, 3.0]), 2.0))
    assert smooth.ppl == 4
    assert smooth.energy == 3 * 10
    assert smooth.directness == 0.5
    assert smooth.consistency == pytest.approx(4 / 3)
    assert smooth.worst_step == pytest.approx(9 / 4)
    assert smooth.gini == pytest.approx(0.5)  # (1 + 3 + 2) · 2 / (2 · 9 · 4/3)


def test_energy_is_at_least_the_squared_length():
    steps = np.random.default_rng(0).random(20)
    smooth = measure_smoothness(PerceptualSteps(steps, 1.0))
    assert smooth.energy > smooth.ppl**2


def test_gini_of_one_jump_reaches_its_bound():
    assert gini(np.array([0, 0, 0, 1.0])) == pytest.approx(1 - 1 / 4)


def test_gini_ignores_scale_and_order():
    steps = np.random.default_rng(1).random(9)
    assert gini(steps) == pytest.approx(gini(7 * steps[::-1]))


def test_a_path_that_does_not_move_has_no_ratios():
    smooth = measure_smoothness(PerceptualSteps(np.zeros(4), 0.0, np.zeros(3)))
    assert (smooth.ppl, smooth.energy) == (0, 0)
    assert smooth.directness is smooth.worst_step is smooth.gini is smooth.curvature is None
    assert smooth.consistency == 0


@pytest.mark.parametrize("steps", [[], [-1.0], [np.nan], [np.inf, 1.0]])
def test_bad_steps_are_refused(steps):
    with pytest.raises(ValueError, match="finite non-negative"):
        PerceptualSteps(np.array(steps, dtype=float), 1.0)


def test_skips_are_one_fewer_than_steps():
    with pytest.raises(ValueError, match="skips: wanted 2, one fewer than steps, got 3"):
        PerceptualSteps(np.ones(3), 1.0, np.ones(3))


def test_curvature_of_known_paths():
    straight, square = np.outer(np.arange(5.0) ** 2, [3.0, 4.0]), np.array([[0.0, 0], [1, 0], [1, 2], [0, 2]])
    back = np.array([[0.0], [2.0], [1.0]])
    for path, degrees in ((straight, 0), (square, 90), (back, 180)):
        assert measure_smoothness(steps_along(path)).curvature == pytest.approx(degrees, abs=1e-4)


def test_curvature_is_the_angle_between_displacements():
    points = np.random.default_rng(3).normal(size=(9, 20))
    moves = np.diff(points, axis=0)
    units = moves / np.linalg.norm(moves, axis=1, keepdims=True)
    expected = np.degrees(np.arccos((units[:-1] * units[1:]).sum(axis=1))).mean()
    assert measure_smoothness(steps_along(points)).curvature == pytest.approx(expected)


def test_a_frame_that_stands_still_has_no_direction():
    points = np.array([[0.0, 0], [1, 0], [1, 0], [2, 0], [2, 1]])
    assert measure_smoothness(steps_along(points)).curvature == pytest.approx(90)


@given(st.integers(0, 1000))
def test_the_shape_of_a_path_does_not_depend_on_the_power_of_its_distance(seed):
    """Directness and curvature speak of the features; PPL under a squared distance is the plain sum of it."""
    points = np.random.default_rng(seed).normal(size=(6, 4)).cumsum(axis=0)
    metric, squared = measure_smoothness(steps_along(points, 1)), measure_smoothness(steps_along(points, 2))
    assert squared.directness == pytest.approx(metric.directness)
    assert squared.curvature == pytest.approx(metric.curvature)
    assert 0 < squared.directness <= 1
    assert squared.ppl == pytest.approx(metric.energy / 5)


def test_a_distance_without_features_has_no_curvature():
    smooth = measure_smoothness(PerceptualSteps(np.ones(3), 4.0, np.ones(2), power=None))
    assert smooth.curvature is None
    assert smooth.directness == pytest.approx(4 / 3)


@pytest.mark.parametrize("distance", ["lpips", "efficientnet", "ssim"])
def test_steps_of_images_are_measured_pair_by_pair(distance):
    from whichway.analysis.smoothness.perceptual_distance import perceptual_distance

    frames = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    path = measure_steps(frames, distance)
    assert path.steps == pytest.approx(perceptual_distance(distance, frames[:-1], frames[1:]))
    assert path.end_to_end == pytest.approx(perceptual_distance(distance, frames[:1], frames[-1:])[0])
    assert path.power == POWERS.get(distance)
    if path.skips is None:
        assert distance == "ssim"
    else:
        assert path.skips == pytest.approx(perceptual_distance(distance, frames[:-2], frames[2:]))
    again = measure_steps(frames, distance, steps=path.steps)
    assert (again.steps.tolist(), again.end_to_end) == (path.steps.tolist(), path.end_to_end)


@pytest.mark.parametrize("distance", PERCEPTUAL_DISTANCES)
def test_two_frames_have_one_step_and_no_turn(distance):
    if distance == "lpips-vgg":
        pytest.skip("needs a download")
    frames = np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    smooth = measure_smoothness(measure_steps(frames, distance))
    assert smooth.directness == pytest.approx(1)
    assert smooth.curvature is None


def test_every_measure_of_steps_is_in_the_vocabulary():
    assert [name for name, measure in MEASURES.items() if measure.of == "steps"] == [
        field.name for field in fields(Smoothness)
    ]
