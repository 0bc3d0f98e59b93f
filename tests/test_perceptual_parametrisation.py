"""Perceptually uniform times on a path whose images are known: one pixel that brightens unevenly."""

import numpy as np
import pytest

from whichway.analysis.runs.perceptual_parametrisation import perceptually_uniform_times


def brightness(seen):
    """Images of 1×1 pixels at x(t) = t⁴, and a list of the times asked for."""

    def images(times):
        seen.extend(times)
        return np.stack([np.full((1, 1, 3), round(250 * t**4), dtype=np.uint8) for t in times])

    return images


def distance(before, after):
    return np.abs(before.astype(float) - after).mean(axis=(1, 2, 3))


def test_steps_become_equal():
    times = perceptually_uniform_times(brightness([]), distance, 6, tolerance=0.05)
    frames = brightness([])(times)
    steps = distance(frames[:-1], frames[1:])
    assert steps.max() / steps.mean() < 1.05
    assert times == pytest.approx([(k / 5) ** 0.25 for k in range(6)], abs=0.02)


def test_an_even_path_is_rendered_once_and_left_alone():
    seen = []

    def images(times):
        seen.extend(times)
        return np.stack([np.full((1, 1, 3), round(200 * t), dtype=np.uint8) for t in times])

    assert perceptually_uniform_times(images, distance, 5) == [0, 0.25, 0.5, 0.75, 1]
    assert len(seen) == 5


def test_no_frame_is_rendered_twice_and_the_budget_is_kept():
    seen = []
    perceptually_uniform_times(brightness(seen), distance, 6, tolerance=0, budget=15)
    assert len(seen) == len(set(seen)) <= 15


def test_a_path_that_does_not_move_has_uniform_times():
    still = lambda times: np.zeros((len(times), 1, 1, 3), dtype=np.uint8)  # noqa: E731
    assert perceptually_uniform_times(still, distance, 3) == [0, 0.5, 1]


def test_a_jump_between_two_neighbouring_times_ends_in_the_best_found():
    def images(times):
        return np.stack([np.full((1, 1, 3), 200 * (t > 0.3), dtype=np.uint8) for t in times])

    times = perceptually_uniform_times(images, distance, 4, budget=40)
    assert times[0] == 0
    assert times[-1] == 1
    assert len(times) == 4


def test_a_budget_below_the_frames_is_refused():
    with pytest.raises(ValueError, match="at least the 6 frames"):
        perceptually_uniform_times(brightness([]), distance, 6, budget=5)
