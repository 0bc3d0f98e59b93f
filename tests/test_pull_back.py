"""The pull-back metric against the whole Jacobian, in float64 on a tiny pipeline; and the picture of tokens."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from whichway.analysis.errors import UserError
from whichway.analysis.geodesics.pull_back import Jacobian, measure_pull_back, predict_by_ground
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import load_model
from whichway.analysis.pictures.sensitivity import draw_sensitivity, of_tokens
from whichway.analysis.runs.sensitivity import SensitivitySettings, measure_sensitivity
from whichway.analysis.smoothness import differentiable_distance
from whichway.geometry import PointCloud

ROWS = 4


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu", dtype="float64")


@pytest.fixture
def jacobian(model, monkeypatch):
    """Of eight by eight means of the image, in float64: features that are quick."""

    def means(images):
        return torch.nn.functional.avg_pool2d(images, 4).flatten(1)

    monkeypatch.setitem(differentiable_distance.EMBEDDINGS, "means", (means, 1))
    [encoded] = model.encode(["a fox at night"])
    cloud = PointCloud(encoded.cloud.rows[:ROWS].clone(), torch.tensor([1.0, 2.0, 3.0, 4.0]))
    return Jacobian(model, cloud, Sampling(num_inference_steps=2, guidance_scale=3.0), distance="means")


@pytest.fixture
def dense(jacobian):
    """J, (features, rows, d), column by column."""
    columns = jacobian.times(torch.eye(ROWS * 16).double().reshape(-1, ROWS, 16))
    return columns.T.reshape(-1, ROWS, 16).numpy()


def test_products_are_finite_differences_and_each_others_adjoint(jacobian):
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(5, ROWS, 16, generator=generator, dtype=torch.float64)
    u = torch.randn(5, jacobian.features, generator=generator, dtype=torch.float64)
    forward, backward = jacobian.times(v), jacobian.transposed_times(u)
    with torch.no_grad():
        ahead, behind = (jacobian._features(jacobian.rows + sign * 1e-5 * v) for sign in (1, -1))
    torch.testing.assert_close(forward, (ahead - behind) / 2e-5, rtol=1e-5, atol=1e-12)
    torch.testing.assert_close((forward * u).sum(dim=1), (v * backward).sum(dim=(1, 2)))


def test_stretches_and_sensitivities_are_those_of_the_whole_jacobian(jacobian, dense):
    pull_back = measure_pull_back(jacobian, directions=2, probes=64)
    flat = dense.reshape(len(dense), -1)
    np.testing.assert_allclose(pull_back.stretches, np.linalg.svd(flat, compute_uv=False)[:2], rtol=0.01)
    along = np.linalg.norm(flat @ pull_back.directions.reshape(2, -1).T, axis=0)
    np.testing.assert_allclose(along, pull_back.stretches, rtol=0.01)
    exact = np.sqrt((dense**2).sum(axis=(0, 2)) / 16)
    assert (np.abs(pull_back.sensitivity - exact) < 4 * pull_back.sensitivity_error).all()
    assert (pull_back.sensitivity_error < 0.3 * exact).all()
    assert pull_back.trace == pytest.approx((dense**2).sum(), rel=0.3)
    assert 1 <= pull_back.anisotropy <= flat.shape[1] ** 0.5


def test_ground_metrics_are_ranked_by_how_far_the_image_really_moves(jacobian, dense, monkeypatch, tmp_path):
    monkeypatch.setenv("WHICHWAY_CACHE", str(tmp_path))
    [other] = jacobian.model.encode(["two pandas"])
    prediction = predict_by_ground(jacobian, other.cloud, count=12)
    assert set(prediction.spearman) == {"euclidean", "cross-attention"}
    assert all(-1 <= rho <= 1 for rho in prediction.spearman.values())
    longest = np.sqrt((dense**2).sum(axis=(0, 2))).max()
    assert (prediction.moved > 0).all()
    assert (prediction.moved <= longest * prediction.predicted["euclidean"] * (1 + 1e-9)).all()


def test_tokens_have_the_colour_of_their_number_and_users_text_is_no_mathematics(tmp_path):
    cloud = PointCloud(torch.eye(5), labels=("<|startoftext|>", "$x_", "$", "pad", "pad"), size=3)
    tokens = of_tokens(cloud, np.array([0.1, 0.9, 0.2, 0.3, 0.4]), np.full(5, 0.01))
    assert [token.label for token in tokens] == ["⟨start⟩", "$x_", "$", "padding ×2"]
    assert tokens[-1].value == pytest.approx(0.125**0.5)
    figure = draw_sensitivity([tokens, tokens], "lpips", [3.0, 4.0])
    figure.savefig(tmp_path / "tokens.png")
    [axis, _] = figure.axes
    colours = [patch.get_facecolor() for patch in axis.patches[: len(tokens)]]
    darkness = [-sum(colour[:3]) for colour in colours]
    assert np.argsort(darkness).tolist() == np.argsort([token.value for token in tokens]).tolist()


def test_the_measurement_is_kept_beside_its_picture(tiny_pipeline_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("WHICHWAY_CACHE", str(tmp_path))
    model = load_model(str(tiny_pipeline_folder), device="cpu")
    settings = SensitivitySettings(
        ("a fox", "a car"),
        directions=1,
        probes=2,
        movements=3,
        sampling=Sampling(num_inference_steps=1, guidance_scale=3.0),
    )
    picture = measure_sensitivity(settings, tmp_path / "tokens.png", model=model)
    with Image.open(picture) as image:
        assert image.width > 500
    content = json.loads((tmp_path / "tokens.json").read_text(encoding="utf-8"))
    assert [len(prompt["tokens"]) for prompt in content["prompts"]] == [5, 5]  # start, two words, end, padding
    with pytest.raises(UserError, match="'ssim' has no gradient here"):
        Jacobian(model, model.encode(["a fox"])[0].cloud, distance="ssim")
    with pytest.raises(UserError, match="probes: wanted 2 to 10,000"):
        SensitivitySettings(("a",), probes=1)
