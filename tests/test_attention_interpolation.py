"""AID against its formulas, written out: layer by layer, and over a whole sampling run; and that hooks come off."""

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import Attention

from whichway.analysis.errors import UserError
from whichway.analysis.images.attention_interpolation import attend_to_ends, warm_up_steps
from whichway.analysis.images.noise import initial_noise
from whichway.analysis.images.rendering import render
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import load_model
from whichway.analysis.paths.attention_interpolation import AttentionInterpolationPath
from whichway.analysis.prompts.encoding import encode
from whichway.geometry import PointCloud, build_path

TIMES = (0.0, 0.3, 0.8, 1.0)
SAMPLING = Sampling(num_inference_steps=3)


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    """With queries, keys and values large enough that attention is far from uniform, so that what it reads shows."""
    model = load_model(str(tiny_pipeline_folder), device="cpu")
    for module in model.pipeline.unet.modules():
        if isinstance(module, Attention):
            for projection in (module.to_q, module.to_k, module.to_v, module.to_out[0]):
                projection.weight.data *= 4
    return model


@pytest.fixture(scope="module")
def ends(model):
    return encode(model, "a large fox on a blue background"), encode(model, "two pandas at night")


def attention(query, keys, values):
    return torch.softmax(query @ keys.mT / keys.shape[-1] ** 0.5, dim=-1) @ values


def interpolated(kind, t, query, key, value, first, last):
    """Equations 4 and 5 of arXiv:2403.17924; ``first`` and ``last``: keys and values of the ends."""
    (key_a, value_a), (key_b, value_b) = first, last
    if kind == "inner":
        between = (1 - t) * key_a + t * key_b, (1 - t) * value_a + t * value_b
        return attention(query, torch.cat([key, between[0]], -2), torch.cat([value, between[1]], -2))
    to_a = attention(query, torch.cat([key, key_a], -2), torch.cat([value, value_a], -2))
    to_b = attention(query, torch.cat([key, key_b], -2), torch.cat([value, value_b], -2))
    return (1 - t) * to_a + t * to_b


@pytest.mark.parametrize("kind", ["inner", "outer"])
@pytest.mark.parametrize("context", [None, 6])
@pytest.mark.parametrize("guided", [False, True])
@torch.no_grad()
def test_one_layer_does_what_the_formula_says_in_the_conditional_half_only(kind, context, guided):
    torch.manual_seed(0)
    layer = Attention(query_dim=8, cross_attention_dim=context, heads=1, dim_head=8).double()
    count = len(TIMES) * (1 + guided)
    frames = torch.randn(count, 5, 8, dtype=torch.float64)
    text = None if context is None else torch.randn(count, 7, context, dtype=torch.float64)
    plain = layer(frames, encoder_hidden_states=text)
    with attend_to_ends(torch.nn.Sequential(layer), TIMES, kind, steps=1):
        seen = layer(frames, encoder_hidden_states=text)
    rows = frames if text is None else text
    keys, values = layer.to_k(rows), layer.to_v(rows)
    conditional = range(count - len(TIMES), count)
    first, last = ((keys[end], values[end]) for end in (conditional[0], conditional[-1]))
    for t, index in zip(TIMES, conditional, strict=True):
        wanted = interpolated(kind, t, layer.to_q(frames[index]), keys[index], values[index], first, last)
        torch.testing.assert_close(seen[index], layer.to_out[0](wanted))
    torch.testing.assert_close(seen[: conditional[0]], plain[: conditional[0]])


class Reference:
    """AID as an attention processor of its own, from the formulas: the frames are the whole batch."""

    def __init__(self, kind, times):
        self.kind, self.times = kind, times

    def __call__(self, layer, hidden_states, encoder_hidden_states=None, attention_mask=None, **_):
        rows = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            projection(each).unflatten(-1, (layer.heads, -1)).transpose(1, 2)
            for projection, each in ((layer.to_q, hidden_states), (layer.to_k, rows), (layer.to_v, rows))
        )
        first, last = (key[0], value[0]), (key[-1], value[-1])
        every = zip(self.times, query, key, value, strict=True)
        frames = [interpolated(self.kind, t, q, k, v, first, last) for t, q, k, v in every]
        return layer.to_out[0](torch.stack(frames).transpose(1, 2).flatten(2))


@torch.no_grad()
def sample(model, clouds, times, kind, sampling, warm_up):
    """The authors' sampling loop: two calls in each step, the conditional one with AID as long as it warms up."""
    from diffusers.models.attention_processor import AttnProcessor2_0

    pipeline = model.pipeline
    unet, scheduler = pipeline.unet, pipeline.scheduler
    scheduler.set_timesteps(sampling.num_inference_steps)
    latents = initial_noise(model, sampling.seed).repeat(len(clouds), 1, 1, 1) * scheduler.init_noise_sigma
    text = torch.stack([cloud.rows for cloud in clouds])
    negative = encode(model, "").rows.expand_as(text)
    try:
        for step, timestep in enumerate(scheduler.timesteps):
            scaled = scheduler.scale_model_input(latents, timestep)
            unet.set_attn_processor(Reference(kind, times) if step < warm_up else AttnProcessor2_0())
            noise = unet(scaled, timestep, encoder_hidden_states=text).sample
            unet.set_attn_processor(AttnProcessor2_0())
            if sampling.guidance_scale > 1:
                unconditional = unet(scaled, timestep, encoder_hidden_states=negative).sample
                noise = unconditional + sampling.guidance_scale * (noise - unconditional)
            latents = scheduler.step(noise, timestep, latents, eta=0.0).prev_sample
    finally:
        unet.set_attn_processor(AttnProcessor2_0())
    return latents


def rendered_latents(model, clouds, sampling):
    """What the renderer gives the decoder, ends included: pixels of 8 bits would hide what is looked for."""
    seen = []
    hook = model.pipeline.vae.post_quant_conv.register_forward_pre_hook(lambda layer, args: seen.append(args[0]))
    try:
        render(model, clouds, sampling)
    finally:
        hook.remove()
    return torch.cat(seen) * model.pipeline.vae.config.scaling_factor


def relative_error(seen, wanted):
    """Of the frames between the ends."""
    return float((seen - wanted)[1:-1].norm() / wanted[1:-1].norm())


@pytest.mark.parametrize("kind", ["inner", "outer"])
@pytest.mark.parametrize("guidance", [1.0, 5.0])
def test_a_whole_sampling_run_is_the_authors(model, ends, kind, guidance):
    """And no other run: one without any warm-up, or with nothing else, ends far from it."""
    path, sampling = build_path(f"aid-{kind}", *ends), Sampling(num_inference_steps=4, guidance_scale=guidance)
    assert warm_up_steps(4) == warm_up_steps(5) == 2
    seen = rendered_latents(model, [path(t) for t in TIMES[1:-1]], sampling)
    clouds = [path(t) for t in TIMES]
    authors, none, all_steps = (sample(model, clouds, TIMES, kind, sampling, steps) for steps in (2, 0, 4))
    assert relative_error(seen, authors) < 3e-5
    assert min(relative_error(seen, none), relative_error(seen, all_steps)) > 1e-3


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


@pytest.mark.parametrize("kind", ["inner", "outer"])
def test_what_others_hung_on_the_layers_works_and_stays(model, ends, kind):
    """Offloading replaces ``forward`` of a module, others register hooks: all of it is there during and afterwards."""
    from accelerate.hooks import ModelHook, add_hook_to_module, remove_hook_from_module

    class Counting(ModelHook):
        calls = 0

        def pre_forward(self, module, *args, **kwargs):
            Counting.calls += 1
            return args, kwargs

    cloud = build_path(f"aid-{kind}", *ends)(0.4)
    before = render(model, [cloud], SAMPLING).astype(int)
    layers = [module for module in model.pipeline.unet.modules() if isinstance(module, Attention)]
    outputs = []
    watching = layers[0].register_forward_hook(lambda layer, args, output: outputs.append(output))
    for layer in layers:
        add_hook_to_module(layer, Counting())
    state = [dict(vars(layer)) for layer in layers]
    hooks = [(list(layer._forward_pre_hooks), list(layer._forward_hooks)) for layer in layers]
    try:
        assert np.abs(render(model, [cloud], SAMPLING).astype(int) - before).max() == 0
        assert Counting.calls >= len(layers) * SAMPLING.num_inference_steps
        assert len(outputs) == SAMPLING.num_inference_steps
        for layer, was, (pre_hooks, post_hooks) in zip(layers, state, hooks, strict=True):
            assert vars(layer).keys() == was.keys()
            assert vars(layer)["forward"] is was["forward"]
            assert vars(layer)["_old_forward"] is was["_old_forward"]
            assert (list(layer._forward_pre_hooks), list(layer._forward_hooks)) == (pre_hooks, post_hooks)
    finally:
        watching.remove()
        for layer in layers:
            remove_hook_from_module(layer)


def test_the_layers_are_restored_also_after_an_exception(model, ends):
    before = render(model, ends[:1], SAMPLING)
    with pytest.raises(RuntimeError, match="stop"), attend_to_ends(model.pipeline.unet, TIMES, "outer", steps=3):
        raise RuntimeError("stop")
    np.testing.assert_array_equal(render(model, ends[:1], SAMPLING), before)


def test_bad_input_is_named(model):
    one = torch.nn.Linear(1, 1)
    with pytest.raises(ValueError, match="no attention layers"), attend_to_ends(one, TIMES, "outer", steps=1):
        pass
    layer = Attention(query_dim=8, heads=1, dim_head=8)
    with (
        pytest.raises(ValueError, match=r"rows of shape \(12, 5, 8\) in batches of 4 frames"),
        attend_to_ends(torch.nn.Sequential(layer), TIMES, "outer", steps=1),
    ):
        layer(torch.randn(12, 5, 8))
    with pytest.raises(ValueError, match="kind: unknown 'upper'; known: inner, outer"):
        AttentionInterpolationPath(PointCloud(torch.eye(3)), PointCloud(torch.eye(3)), "upper")
    with pytest.raises(ValueError, match="uniform weights"):
        AttentionInterpolationPath(PointCloud(torch.eye(2)), PointCloud(torch.eye(2), torch.tensor([1.0, 2.0])))
    short = [PointCloud(torch.randn(5, 16)), PointCloud(torch.randn(5, 16))]
    with pytest.raises(UserError, match="clouds of one size, negative prompt too; got 5, 77"):
        render(model, [build_path("aid-outer", *short)(0.5)], SAMPLING)


@pytest.mark.parametrize("kind", ["inner", "outer"])
def test_rows_are_interpolated_with_the_rows_that_they_are_matched_with(ends, kind):
    """Over an optimal coupling the text is that of the displacement path, and B comes in its order."""
    path, displacement = build_path(f"optimal+aid-{kind}", *ends), build_path("optimal", *ends)
    assert path.coupling.share_moved > 0
    for t in (0.3, 1.0):
        assert torch.equal(path(t).rows, displacement(t).rows)
    assert torch.equal(path(0.3).ends[1].rows, path(1.0).rows)
    assert path(0.3).ends is not None
    assert path(0.3).ends[1] is path(0.6).ends[1]  # so that their frames share a batch


def test_over_another_coupling_frames_are_others_but_the_ends_stay(model, ends):
    images = {
        name: render(model, [build_path(name, *ends)(t) for t in (0, 0.5, 1)], SAMPLING).astype(int)
        for name in ("aid-outer", "optimal+aid-outer")
    }
    first, second = images.values()
    assert np.abs(first[[0, 2]] - second[[0, 2]]).max() <= 1
    assert np.abs(first[1] - second[1]).max() > 1
