"""Perceptual distances: known answers, second implementations, and what makes each of them a distance."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from whichway.analysis.errors import UserError
from whichway.analysis.smoothness import perceptual_distance as module
from whichway.analysis.smoothness.efficientnet import EFFICIENTNET, efficientnet, efficientnet_features
from whichway.analysis.smoothness.feature_space import FeatureSpace
from whichway.analysis.smoothness.perceptual_distance import FUNCTIONS, perceptual_distance

ARTWORK = Path(__file__).parent.parent / "miniature" / "artwork"

OFFLINE = [name for name in FUNCTIONS if name != "lpips-vgg"]


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
    assert (np.diff(distances) > 0.001).all()


def test_efficientnet_obeys_the_triangle_inequality():
    """Also by way of what lies between the two, where squared distances, LPIPS' own, break it."""
    a, c = pictures(6, 0), pictures(6, 2)
    between = (a.astype(float) / 2 + c.astype(float) / 2).astype(np.uint8)
    for b in (between, pictures(6, 1)):
        direct, first, second = EFFICIENTNET.distances(a, c), EFFICIENTNET.distances(a, b), EFFICIENTNET.distances(b, c)
        assert (direct <= first + second).all()
    first, second = EFFICIENTNET.distances(a, between), EFFICIENTNET.distances(between, c)
    assert (direct**2 > first**2 + second**2).any()


def test_efficientnet_sees_each_pair_by_itself():
    a, b = pictures(5, 0), pictures(5, 1)
    alone = [EFFICIENTNET.distances(a[k : k + 1], b[k : k + 1])[0] for k in range(5)]
    assert FeatureSpace(efficientnet_features, power=1).distances(a, b) == pytest.approx(alone, rel=1e-4)


def test_efficientnets_weights_are_trained():
    """They tell a basketball from a football; these are emoji, and chance is one in a thousand."""
    network, names = efficientnet(), ("basketball", "soccer_ball")
    assert network._fc.weight.shape == (1000, 1280)
    artwork = [Image.open(ARTWORK / f"{name}.png").convert("RGBA").resize((224, 224)) for name in names]
    white = Image.new("RGBA", (224, 224), "white")
    images = np.stack([np.array(Image.alpha_composite(white, picture).convert("RGB")) for picture in artwork])
    with torch.inference_mode():
        classes = network(network_input(images)).argmax(dim=1)
    assert classes.tolist() == [430, 805]  # of ImageNet


def network_input(images: np.ndarray) -> torch.Tensor:
    """What EfficientNet-Lite was trained on: (pixel − 127) / 128."""
    return (torch.from_numpy(images).permute(0, 3, 1, 2).float() - 127) / 128


def test_efficientnet_is_the_root_of_the_lpips_construction():
    """Written a second time, with the network's own forward pass: hooks on five blocks, no resizing."""
    network, blocks = efficientnet(), {}
    a, b = (np.kron(pictures(2, seed), np.ones((1, 4, 4, 1), np.uint8))[:, :224, :224] for seed in (0, 1))
    handles = [
        network._blocks[index].register_forward_hook(lambda _, __, x, index=index: blocks.update({index: x.double()}))
        for index in (0, 2, 4, 10, 15)
    ]
    try:
        with torch.inference_mode():
            network(network_input(np.concatenate([a, b])))
    finally:
        for handle in handles:
            handle.remove()
    squared = np.zeros(2)
    for x in blocks.values():
        units = (x / x.square().sum(dim=1, keepdim=True).sqrt()).numpy()
        squared += np.square(units[:2] - units[2:]).sum(axis=1).mean(axis=(1, 2))
    assert EFFICIENTNET.distances(a, b) == pytest.approx(np.sqrt(squared), rel=1e-4)
    assert efficientnet_features(a).norm(dim=1).numpy() == pytest.approx(np.full(2, 5**0.5), rel=1e-5)


def test_ssim_of_even_pictures_is_its_luminance_term():
    """(2uv + c) / (u² + v² + c), c = 0.01², where nothing varies (Wang et al. 2004, eq. 6)."""
    u, v = 100 / 255, 150 / 255
    grey = [np.full((1, 64, 64, 3), level, np.uint8) for level in (100, 150)]
    expected = 1 - (2 * u * v + 1e-4) / (u**2 + v**2 + 1e-4)
    assert perceptual_distance("ssim", *grey)[0] == pytest.approx(
        expected, rel=0.01
    )  # variances of float32 are not quite zero


def test_flip_of_black_and_white_is_nearly_one_whatever_their_place():
    black, white = np.zeros((1, 64, 64, 3), np.uint8), np.full((1, 64, 64, 3), 255, np.uint8)
    assert 0.9 < perceptual_distance("flip", black, white)[0] <= 1
    half = np.concatenate([black[:, :32], white[:, 32:]], axis=1)
    assert 0.4 < perceptual_distance("flip", black, half)[0] < 0.6


def test_lpips_with_vgg_sees_pictures_between_minus_one_and_one(monkeypatch):
    """Its classic misuse is another range. The network here stands for the real one, which needs a download."""
    inputs = []

    def network(x, y):
        inputs.extend([x, y])
        return torch.ones(len(x), 1, 1, 1)

    monkeypatch.setattr(module, "_lpips_vgg", lambda: network)
    a, b = np.zeros((2, 64, 64, 3), np.uint8), np.full((2, 64, 64, 3), 255, np.uint8)
    assert perceptual_distance("lpips-vgg", a, b).tolist() == [1, 1]
    assert [(x.shape, x.unique().tolist()) for x in inputs] == [((2, 3, 64, 64), [-1]), ((2, 3, 64, 64), [1])]


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("bad", [np.zeros((2, 64, 64, 3)), np.zeros((2, 64, 64), np.uint8), pictures(3)])
def test_images_of_another_shape_or_range_are_refused(bad):
    with pytest.raises(ValueError, match=r"wanted two \(frames, height, width, 3\) uint8, got"):
        perceptual_distance("ssim", pictures(2), bad)


def test_an_unknown_metric_names_the_known_ones():
    with pytest.raises(
        UserError, match="perceptual distance: unknown 'psychic'; known: lpips, efficientnet, ssim, flip"
    ):
        perceptual_distance("psychic", pictures(1), pictures(1))


def test_lpips_with_vgg_without_its_package_says_how_to_get_it(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(UserError, match=r"-m pip install 'lpips>=[0-9.]+' 'torchvision>="):
        perceptual_distance("lpips-vgg", pictures(1), pictures(1))
