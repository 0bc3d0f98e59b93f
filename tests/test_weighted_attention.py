"""A cloud's weights reach the model: a row of weight k is k equal rows."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from whichway.analysis.images.joint_attention import TextKeys
from whichway.analysis.images.rendering import render
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.images.weighted_attention import attend_with_weights, cross_attention_layers
from whichway.analysis.models.model import load_model
from whichway.analysis.prompts.encoding import encode
from whichway.geometry import PointCloud, build_path

REPEATS = torch.tensor([1, 3] + [1] * 74 + [5])


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu")


def denoise(model, rows, dtype=torch.float64, **options):
    unet = model.pipeline.unet.to(dtype)
    generator = torch.Generator().manual_seed(0)
    noisy = torch.randn(len(rows), 4, 16, 16, generator=generator, dtype=torch.float64).to(dtype)
    with torch.inference_mode():
        return unet(noisy, 500, rows.to(dtype), **options).sample.double()


def relative_error(changed, plain):
    return float((changed - plain).norm() / plain.norm())


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-14), (torch.float32, 1e-5), (torch.bfloat16, 2e-2)]
)
def test_a_row_of_weight_k_is_k_equal_rows(model, dtype, tolerance):
    rows = encode(model, "a large fox on a blue background").rows[None]
    repeated = denoise(model, rows.repeat_interleave(REPEATS, dim=1), dtype)
    with attend_with_weights(model.pipeline.unet, REPEATS[None].double()):
        weighted = denoise(model, rows, dtype)
    assert relative_error(weighted, repeated) < tolerance


def test_other_weights_are_another_image(model):
    rows = encode(model, "a large fox on a blue background").rows[None]
    with attend_with_weights(model.pipeline.unet, REPEATS[None].double()):
        weighted = denoise(model, rows)
    assert relative_error(weighted, denoise(model, rows)) > 1e-4


def test_total_mass_does_not_matter_and_weight_zero_is_absence(model):
    rows = encode(model, "a fox").rows[None]
    some = torch.tensor([[1.0] * 40 + [0.0] * 37])
    with attend_with_weights(model.pipeline.unet, 7 * some):
        masked = denoise(model, rows)
    assert relative_error(masked, denoise(model, rows[:, :40])) < 1e-14


def test_weights_add_to_a_mask_that_is_there_already(model):
    rows = encode(model, "a fox").rows[None]
    weights = torch.rand(1, 77, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 0.1
    mask = torch.tensor([[True] * 40 + [False] * 37])
    with attend_with_weights(model.pipeline.unet, weights):
        masked = denoise(model, rows, encoder_attention_mask=mask)
    with attend_with_weights(model.pipeline.unet, weights[:, :40]):
        assert relative_error(masked, denoise(model, rows[:, :40])) < 1e-14


def test_a_layer_that_is_called_without_text_attends_to_itself_unweighted(model):
    layer = next(iter(cross_attention_layers(model.pipeline.unet).values())).double()
    hidden_states = torch.randn(1, 9, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.inference_mode():
        plain = layer(hidden_states)
        with attend_with_weights(model.pipeline.unet, REPEATS[None].double()):
            assert torch.equal(layer(hidden_states), plain)


@pytest.mark.parametrize("mask", ["none", "boolean", "additive"])
def test_in_any_attention_a_key_of_weight_k_is_k_equal_keys(mask):
    """Two keys of the image, five of the text; with masks as they are, boolean or added."""
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(1, 2, n, 4, generator=generator, dtype=torch.float64) for n in (3, 7, 7))
    repeats = torch.tensor([1, 3, 1, 2, 1])
    index = torch.arange(7).repeat_interleave(torch.cat([torch.ones(2, dtype=torch.long), repeats]))
    masks = {
        "none": None,
        "boolean": torch.rand(3, 7, generator=generator) > 0.3,
        "additive": torch.randn(3, 7, generator=generator, dtype=torch.float64),
    }
    bias = masks[mask]
    repeated = F.scaled_dot_product_attention(
        query, key[:, :, index], value[:, :, index], attn_mask=None if bias is None else bias[:, index]
    )
    with TextKeys(lambda keys, n: [slice(keys - n, keys)], 5, repeats.double().log()) as watch:
        weighted = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    assert relative_error(weighted, repeated) < 1e-14
    (attention,) = watch.attentions
    assert (attention.keys, list(attention.spans)) == (7, [slice(2, 7)])
    assert torch.equal(attention.text_keys, key[0, :, 2:])


def test_each_element_of_the_batch_has_its_own_weights(model):
    rows = torch.stack([encode(model, prompt).rows for prompt in ("a fox", "a cat")])
    weights = torch.rand(2, 77, generator=torch.Generator().manual_seed(1)) + 0.1
    with attend_with_weights(model.pipeline.unet, weights):
        together = denoise(model, rows)
    with attend_with_weights(model.pipeline.unet, weights.flip(0)):
        swapped = denoise(model, rows)
    assert relative_error(together, swapped) > 1e-4
    with attend_with_weights(model.pipeline.unet, weights[:1]):
        assert relative_error(denoise(model, rows[:1]), together[:1]) < 1e-14


def test_the_layers_are_restored_also_after_an_exception(model):
    rows = encode(model, "a fox").rows[None]
    before = denoise(model, rows)
    with pytest.raises(RuntimeError, match="stop"), attend_with_weights(model.pipeline.unet, REPEATS[None].double()):
        raise RuntimeError("stop")
    assert torch.equal(denoise(model, rows), before)


def test_weighted_clouds_render_through_the_unchanged_pipeline_call(model):
    """Also in one batch with a cloud of another size, and with guidance towards a prompt of 77 rows."""
    model.pipeline.unet.to(torch.float32)
    cloud, other = (encode(model, prompt) for prompt in ("a large fox on a blue background", "a panda"))
    weighted = PointCloud(cloud.rows, REPEATS.float())
    repeated = PointCloud(cloud.rows.repeat_interleave(REPEATS, dim=0))
    sampling = Sampling(num_inference_steps=2)
    images = render(model, [weighted, repeated, other, cloud], sampling).astype(int)
    assert np.abs(images[0] - images[1]).max() <= 1
    assert np.abs(images[2] - render(model, [other], sampling)[0]).max() <= 1
    unguided = render(model, [weighted, repeated], Sampling(num_inference_steps=2, guidance_scale=1.0)).astype(int)
    assert np.abs(unguided[0] - unguided[1]).max() <= 1


def test_every_cross_attention_layer_is_found(model):
    layers = cross_attention_layers(model.pipeline.unet)
    assert layers
    assert all(name.endswith("attn2") for name in layers)
    blocks = [name for name, _ in model.pipeline.unet.named_modules() if name.endswith("transformer_blocks.0")]
    assert len(layers) == len(blocks)


def test_bad_weights_are_refused(model):
    with (
        pytest.raises(ValueError, match=r"weights of shape \(1, 5\) for rows of shape \(1, 77, 16\)"),
        attend_with_weights(model.pipeline.unet, torch.ones(1, 5)),
    ):
        denoise(model, encode(model, "a fox").rows[None])
    for bad in (torch.zeros(1, 77), torch.tensor([[1.0] * 76 + [-0.1]])):
        with pytest.raises(ValueError, match="positive sum"), attend_with_weights(model.pipeline.unet, bad):
            pass
    with (
        pytest.raises(ValueError, match="no cross-attention"),
        attend_with_weights(torch.nn.Linear(1, 1), torch.ones(1, 77)),
    ):
        pass


def test_the_mixture_path_renders_as_the_weighted_union(model):
    model.pipeline.unet.to(torch.float32)
    a, b = encode(model, "a large fox on a blue background"), encode(model, "a panda at night")
    union = PointCloud(torch.cat([a.rows, a.rows, a.rows, b.rows]))
    images = render(model, [build_path("mixture", a, b)(0.25), union, a], Sampling(num_inference_steps=2)).astype(int)
    assert np.abs(images[0] - images[1]).max() <= 1
    assert np.abs(images[0] - images[2]).max() > 1
