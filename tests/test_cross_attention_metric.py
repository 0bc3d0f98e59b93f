"""The cross-attention ground metric of a loaded model, against its formula."""

from io import BytesIO

import numpy as np
import pytest
import torch

from whichway.analysis.clouds.cross_attention_metric import cross_attention_metric
from whichway.analysis.errors import UserError
from whichway.analysis.images.weighted_attention import cross_attention_layers
from whichway.analysis.models.model import load_model


@pytest.fixture
def model(tiny_pipeline_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("WHICHWAY_CACHE", str(tmp_path / "cache"))
    return load_model(str(tiny_pipeline_folder), device="cpu")


def gram(weights):
    return sum(w.double().T @ w.double() for w in weights)


def test_it_is_the_normalised_sum_over_layers(model):
    layers = cross_attention_layers(model.pipeline.unet).values()
    keys, values = gram([layer.to_k.weight for layer in layers]), gram([layer.to_v.weight for layer in layers])
    wanted = keys / keys.trace() + values / values.trace()
    factor = cross_attention_metric(model).factor
    assert factor.shape == (16, 16)
    assert (factor.T @ factor).numpy() == pytest.approx(wanted.detach().numpy())
    assert float((factor.T @ factor).trace()) == pytest.approx(2)


def test_it_is_zero_exactly_on_what_no_key_and_no_value_sees(model):
    blind = torch.nn.functional.normalize(torch.arange(16.0), dim=0)
    for layer in cross_attention_layers(model.pipeline.unet).values():
        for projection in (layer.to_k, layer.to_v):
            projection.weight.data -= torch.outer(projection.weight.data @ blind, blind)
    metric = cross_attention_metric(model)
    rows = torch.stack([torch.zeros(16), blind, torch.eye(16)[0]]).double()
    features = metric.features(rows)
    assert float((features[1] - features[0]).norm()) == pytest.approx(0, abs=1e-6)
    assert float((features[2] - features[0]).norm()) > 0.1


def test_a_subset_of_layers_is_another_metric(model):
    names = list(cross_attention_layers(model.pipeline.unet))
    one, everything = cross_attention_metric(model, names[0]).factor, cross_attention_metric(model).factor
    assert not torch.allclose(one.T @ one, everything.T @ everything)


def test_it_is_kept_under_the_models_hash(model, tmp_path):
    factor = cross_attention_metric(model).factor
    (file,) = (tmp_path / "cache").iterdir()
    assert file.name.startswith(model.fingerprint[:16])
    assert np.load(file, allow_pickle=False) == pytest.approx(factor.numpy())
    np.save(file, 2 * factor.numpy())
    assert torch.equal(cross_attention_metric(model).factor, 2 * factor)  # it is read, not computed again


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: b"",
        lambda whole: npy(np.full((16, 16), np.nan)),
        lambda whole: npy(np.eye(8)),
        lambda whole: npy(np.ones(16)),
        lambda whole: npy(np.eye(16, dtype=int)),
        lambda whole: npy(np.array({})),
    ],
    ids=["cut", "empty", "nan", "of another model", "a vector", "integers", "a pickle"],
)
def test_one_that_is_damaged_is_computed_again(model, tmp_path, damage):
    factor = cross_attention_metric(model).factor
    [kept] = (tmp_path / "cache").glob("*.npy")
    whole = kept.read_bytes()
    kept.write_bytes(damage(whole))
    assert torch.equal(cross_attention_metric(model).factor, factor)
    assert kept.read_bytes() == whole


def npy(array):
    buffer = BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_an_unknown_layer_is_named(model):
    with pytest.raises(UserError, match="no cross-attention layer is called 'nose'; there are: "):
        cross_attention_metric(model, "nose")
