import numpy as np
import pytest

from whichway.analysis.errors import UserError
from whichway.analysis.smoothness.perceptual_distance import FUNCTIONS, efficientnet_distance, perceptual_distance

OFFLINE = [name for name in FUNCTIONS if name != "lpips"]


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """Smooth random pictures, (count, 64, 64, 3) uint8."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3))
    return np.kron(coarse, np.ones((1, 8, 8, 1))).astype(np.uint8)


@pytest.mark.parametrize("name", OFFLINE)
def test_distance_is_zero_on_equal_images_positive_and_symmetric_on_others(name):
    a, b = pictures(2, 0), pictures(2, 1)
    assert perceptual_distance(name, a, a) == pytest.approx(np.zeros(2), abs=1e-5)
    there, back = perceptual_distance(name, a, b), perceptual_distance(name, b, a)
    assert (there > 0.05).all()
    assert there == pytest.approx(back, rel=1e-3)


@pytest.mark.parametrize("name", OFFLINE)
def test_more_of_another_picture_is_farther(name):
    a, b = pictures(1, 0).astype(float), pictures(1, 1).astype(float)
    mixed = [np.round((1 - share) * a + share * b).astype(np.uint8) for share in (0, 0.1, 0.4, 1)]
    distances = [perceptual_distance(name, mixed[0], other)[0] for other in mixed]
    assert distances == sorted(distances)


def test_the_default_obeys_the_triangle_inequality():
    a, b, c = pictures(6, 0), pictures(6, 1), pictures(6, 2)
    assert (efficientnet_distance(a, c) <= efficientnet_distance(a, b) + efficientnet_distance(b, c)).all()


def test_the_default_sees_each_pair_by_itself():
    a, b = pictures(5, 0), pictures(5, 1)
    alone = [efficientnet_distance(a[k : k + 1], b[k : k + 1])[0] for k in range(5)]
    assert efficientnet_distance(a, b, batch=2) == pytest.approx(alone, rel=1e-4)


def test_the_default_weights_are_trained():
    """Weights that know ImageNet tell a texture from its colour-swapped twin better than chance weights would."""
    from whichway.analysis.smoothness.perceptual_distance import _efficientnet

    network = _efficientnet()
    assert network._fc.weight.shape == (1000, 1280)
    assert network._bn0.running_var.std() > 0.1  # a fresh network has running variances of exactly one


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("bad", [np.zeros((2, 64, 64, 3)), np.zeros((2, 64, 64), np.uint8), pictures(3)])
def test_images_of_another_shape_or_range_are_refused(bad):
    with pytest.raises(ValueError, match=r"wanted two \(frames, height, width, 3\) uint8, got"):
        perceptual_distance("ssim", pictures(2), bad)


def test_an_unknown_distance_names_the_known_ones():
    with pytest.raises(UserError, match="distance: unknown 'psychic'; known: efficientnet, ssim, flip, lpips"):
        perceptual_distance("psychic", pictures(1), pictures(1))


def test_lpips_without_its_package_says_how_to_get_it(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(UserError, match=r"pip install 'whichway\[lpips\]'"):
        perceptual_distance("lpips", pictures(1), pictures(1))
