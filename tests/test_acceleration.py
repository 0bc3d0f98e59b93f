"""Perceptual acceleration: none along a line of the features, finite at a smooth turn, and growing at a kink."""

import numpy as np
import pytest
import torch

from whichway.analysis.smoothness.acceleration import perceptual_acceleration
from whichway.analysis.smoothness.feature_space import FeatureSpace

PIXELS = FeatureSpace(lambda images: torch.from_numpy(images.astype(np.float32)).flatten(1), power=1)


def frames(*levels):
    return np.stack([np.full((2, 2, 3), level, np.uint8) for level in levels])


def test_of_a_parabola_it_is_the_second_derivative_and_of_a_line_nothing():
    for step in (1.0, 2.0):
        parabola = frames(*(3 * time**2 for time in (4 - step, 4.0, 4 + step)))
        assert perceptual_acceleration(parabola, step, PIXELS) == pytest.approx(6 * np.sqrt(12))
    assert perceptual_acceleration(frames(10, 20, 30), 1.0, PIXELS) == 0


def test_at_a_kink_it_grows_like_one_over_the_step():
    far, near = frames(20, 100, 20), frames(60, 100, 60)
    assert perceptual_acceleration(near, 0.5, PIXELS) == pytest.approx(2 * perceptual_acceleration(far, 1.0, PIXELS))


def test_of_lpips_it_is_the_distance_to_the_middle():
    from whichway.analysis.smoothness.perceptual_distance import perceptual_distance

    noise = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    there_and_back = noise[[0, 1, 0]]  # 2 φ(a) − 2 φ(b)
    [lpips] = perceptual_distance("lpips", noise[:1], noise[1:])
    assert perceptual_acceleration(there_and_back, 0.5) == pytest.approx(2 * np.sqrt(lpips) / 0.25, rel=1e-4)


@pytest.mark.parametrize(("count", "step"), [(2, 1.0), (3, 0.0), (3, float("nan"))])
def test_bad_input_is_named(count, step):
    with pytest.raises(ValueError, match="wanted three frames and a positive step"):
        perceptual_acceleration(frames(*range(count)), step, PIXELS)
