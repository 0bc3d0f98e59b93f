"""AID against its formulas, written out; and what has to hold of any path's images."""

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import Attention

from whichway.analysis.errors import UserError
from whichway.analysis.images.attention_interpolation import attend_to_ends
from whichway.analysis.images.rendering import Sampling, render
from whichway.analysis.models.model import load_model
from whichway.analysis.prompts.encoding import encode
from whichway.geometry import AttentionInterpolationPath, PointCloud, build_path

TIMES = (0.0, 0.3, 0.8, 1.0)
SAMPLING = Sampling(num_inference_steps=3)


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu")


@pytest.fixture(scope="module")
def ends(model):
    return encode(model, "a large fox on a blue background"), encode(model, "two pandas at night")


def attention(query, keys, values):
    return torch.softmax(query @ keys.mT / keys.shape[-1] ** 0.5, dim=-1) @ values


@pytest.mark.parametrize("kind", ["inner", "outer"])
@pytest.mark.parametrize("context", [None, 6])
@torch.no_grad()
def test_one_layer_does_what_the_formula_says(kind, context):
    torch.manual_seed(0)
    layer = Attention(query_dim=8, cross_attention_dim=context, heads=1, dim_head=8).double()
    frames = torch.randn(4, 5, 8, dtype=torch.float64)
    text = None if context is None else torch.randn(4, 7, context, dtype=torch.float64)
    with attend_to_ends(torch.nn.Sequential(layer), TIMES, kind):
        seen = layer(frames, encoder_hidden_states=text)
    rows = frames if text is None else text
    keys, values = layer.to_k(rows), layer.to_v(rows)
    for index, t in enumerate(TIMES):
        query, key, value = layer.to_q(frames[index]), keys[index], values[index]
        if kind == "inner":
            between = (1 - t) * keys[0] + t * keys[-1], (1 - t) * values[0] + t * values[-1]
            wanted = attention(query, torch.cat([key, between[0]]), torch.cat([value, between[1]]))
        else:
            to_a = attention(query, torch.cat([key, keys[0]]), torch.cat([value, values[0]]))
            to_b = attention(query, torch.cat([key, keys[-1]]), torch.cat([value, values[-1]]))
            wanted = (1 - t) * to_a + t * to_b
        torch.testing.assert_close(seen[index], layer.to_out[0](wanted))


@pytest.mark.parametrize("name", ["aid-inner", "aid-outer"])
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_images_do_not_depend_on_the_batch_they_are_rendered_in(model, ends, name, guidance):
    path = build_path(name, *ends)
    clouds = [path(t) for t in TIMES]
    sampling = Sampling(num_inference_steps=3, guidance_scale=guidance)
    together, alone = (render(model, clouds, sampling, batch_size=size).astype(int) for size in (8, 1))
    assert np.abs(together - alone).max() <= 1
    plain = render(model, ends, sampling).astype(int)
    assert np.abs(together[[0, -1]] - plain).max() <= 1


@pytest.mark.parametrize("name", ["aid-inner", "aid-outer"])
def test_near_its_ends_the_path_is_near_their_images(model, ends, name):
    path = build_path(name, *ends)
    images = render(model, [path(1e-4), path(1 - 1e-4)], SAMPLING).astype(int)
    assert np.abs(images - render(model, ends, SAMPLING).astype(int)).max() <= 1


def test_on_the_way_it_is_another_image_than_linear_interpolation_though_the_cloud_is_the_same(model, ends):
    clouds = [build_path(name, *ends)(0.5) for name in ("identity", "aid-inner", "aid-outer")]
    assert torch.equal(clouds[0].rows, clouds[1].rows)
    images = render(model, clouds, SAMPLING)
    assert len(np.unique(images, axis=0)) == 3


def test_between_equal_prompts_nothing_changes(model, ends):
    a, same = ends[0], encode(model, ends[0].source)
    images = render(model, [a, build_path("aid-outer", a, same)(0.5)], SAMPLING).astype(int)
    assert np.abs(images[0] - images[1]).max() <= 1


def test_the_layers_are_restored_also_after_an_exception(model, ends):
    before = render(model, ends[:1], SAMPLING)
    with pytest.raises(RuntimeError, match="stop"), attend_to_ends(model.pipeline.unet, TIMES, "outer"):
        raise RuntimeError("stop")
    np.testing.assert_array_equal(render(model, ends[:1], SAMPLING), before)


def test_bad_input_is_named(model):
    with pytest.raises(ValueError, match="no attention layers"), attend_to_ends(torch.nn.Linear(1, 1), TIMES, "outer"):
        pass
    with pytest.raises(ValueError, match="kind: unknown 'upper'; known: inner, outer"):
        AttentionInterpolationPath(PointCloud(torch.eye(3)), PointCloud(torch.eye(3)), "upper")
    with pytest.raises(ValueError, match="uniform weights"):
        AttentionInterpolationPath(PointCloud(torch.eye(2)), PointCloud(torch.eye(2), torch.tensor([1.0, 2.0])))
    short = [PointCloud(torch.randn(5, 16)), PointCloud(torch.randn(5, 16))]
    with pytest.raises(UserError, match="clouds of 77 rows, got 5"):
        render(model, [build_path("aid-outer", *short)(0.5)], SAMPLING)
