"""Every family on tiny pipelines with random weights: the conditioning, and the image as a function of it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.tiny_pipelines import BUILDERS, SAMPLING, flux, stable_diffusion_3, stable_diffusion_xl
from whichway.analysis.clouds.cross_attention_metric import cross_attention_metric
from whichway.analysis.errors import UserError
from whichway.analysis.families import TruncationWarning, find_family
from whichway.analysis.images.batch_size import fitting_batch_size
from whichway.analysis.images.joint_attention import attend_jointly_with_weights
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.images.weighted_attention import cross_attention_layers
from whichway.analysis.models.model import Model
from whichway.analysis.paths.chosen_method import ChosenMethod
from whichway.analysis.paths.conditioning_path import join
from whichway.geometry import PointCloud, immediate_methods
from whichway.geometry.ground import ground_costs

A, B = "a large fox on a blue background", "a panda on a pink background"
#: family → what its texts are: rows of prompt B in each cloud, d, and the pooled vector's d
PARTS = {
    "sdxl": ({"clip": 77}, 64, {"pooled": 32}),
    "sd3": ({"clip": 77, "t5": 256}, 48, {"pooled": 32}),
    "flux": ({"t5": 512}, 48, {"pooled": 32}),
    "pixart": ({"t5": 7}, 32, {}),
    "sana": ({"gemma": 7}, 16, {}),
    "auraflow": ({"umt5": 256}, 32, {}),
}
families = pytest.mark.parametrize("family", list(BUILDERS))
joint = pytest.mark.parametrize("family", ["sd3", "flux", "auraflow"])


def sampling(family, **changes):
    return Sampling(**SAMPLING[family] | changes)


def own_image(model, family, prompt=B, **options):
    """What the pipeline's own call makes of a prompt, in levels of 255."""
    settings = SAMPLING[family] | dict(model.family.call_options(model.pipeline)) | options
    noise = torch.Generator().manual_seed(0)
    [image] = model.pipeline(prompt, generator=noise, output_type="np", **settings).images
    return (image * 255).round().astype(int)


def path(model, method="optimal"):
    return join(method, ChosenMethod(method), *model.encode([A, B]), model=model)


def shuffled(conditioning, seed=0):
    generator = torch.Generator().manual_seed(seed)
    orders = {name: torch.randperm(len(cloud), generator=generator) for name, cloud in conditioning.clouds.items()}
    return replace(conditioning, clouds={name: cloud.take(orders[name]) for name, cloud in conditioning.clouds.items()})


def doubled(conditioning):
    """Every row twice, with half of its weight: the same measure with the same mass."""
    twice = {name: cloud.take([*range(len(cloud))] * 2) for name, cloud in conditioning.clouds.items()}
    uneven = {
        name: PointCloud(cloud.rows, torch.cat([torch.full((len(cloud) // 2,), w) for w in (0.3, 0.7)]))
        for name, cloud in twice.items()
    }
    return replace(conditioning, clouds=uneven)


def difference(one, other):
    return np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int)).max()


@families
def test_a_text_is_clouds_and_vectors(tiny_model, family):
    rows, width, vectors = PARTS[family]
    [conditioning] = tiny_model(family).encode([B])
    assert {name: cloud.rows.shape for name, cloud in conditioning.clouds.items()} == {
        name: (count, width) for name, count in rows.items()
    }
    assert conditioning.masses == {name: float(count) for name, count in rows.items()}
    assert {name: len(vector) for name, vector in conditioning.vectors.items()} == vectors
    for cloud in conditioning.clouds.values():
        own = [label for label in cloud.labels[: cloud.size] if label in B.split()]
        assert own == B.split()


@families
def test_the_end_of_a_path_is_the_pipelines_own_image_of_b(tiny_model, family):
    model = tiny_model(family)
    optimal = path(model)
    image_a, image_b = model.render([optimal(0), optimal(1)], sampling(family))
    assert difference(image_b, own_image(model, family)) <= 1
    assert difference(image_a, image_b) > 8


@families
def test_the_order_of_rows_and_how_mass_is_split_change_no_image_and_a_batch_is_one_by_one(tiny_model, family):
    model = tiny_model(family)
    [b] = model.encode([B])
    written = [b, shuffled(b), doubled(b), path(model)(0.5)]
    images = model.render(written, sampling(family), batch_size=4)
    assert difference(images[:3], images[[0, 0, 0]]) <= 1
    assert difference(images[3], model.render(written[3:], sampling(family), batch_size=1)[0]) <= 1
    assert difference(images[3], images[0]) > 1


@joint
def test_mass_counts_against_the_image_where_they_share_a_softmax(tiny_model, family):
    model = tiny_model(family)
    [b] = model.encode([B])
    heavier = replace(b, masses={name: 4 * mass for name, mass in b.masses.items()})
    fourfold = replace(
        b,
        clouds={name: cloud.take([*range(len(cloud))] * 4) for name, cloud in b.clouds.items()},
        masses=heavier.masses,
    )
    plain, heavy, rows = model.render([b, heavier, fourfold], sampling(family))
    assert difference(heavy, rows) <= 1 < difference(heavy, plain)


@pytest.mark.parametrize("family", ["sdxl", "pixart", "sana"])
def test_mass_cancels_where_text_has_a_softmax_of_its_own(tiny_model, family):
    model = tiny_model(family)
    [b] = model.encode([B])
    plain, heavy = model.render([b, replace(b, masses=dict.fromkeys(b.masses, 7.0))], sampling(family))
    assert difference(plain, heavy) <= 1


@families
def test_what_no_prompt_changes_the_pooled_vector_does(tiny_model, family):
    """The control: parts of another text are seen, each of them."""
    model = tiny_model(family)
    a, b = model.encode([A, B])
    mixed = [replace(b, vectors=a.vectors)] if b.vectors else []
    images = model.render([b, replace(b, clouds=a.clouds, masses=a.masses), *mixed], sampling(family))
    for other in images[1:]:
        assert difference(images[0], other) > 1


#: method → families that it cannot join texts of, and why
REFUSED = {
    "random": ({"pixart", "sana"}, "as many rows as tokens"),
    "slerp": ({"pixart", "sana"}, "as many rows as tokens"),
    "aid-inner": ({"pixart", "sana", "auraflow"}, "attention interpolation needs"),
    "aid-outer": ({"pixart", "sana", "auraflow"}, "attention interpolation needs"),
}
#: their hundreds of rows take the solvers seconds
FEW = {
    "sd3": ("identity", "mixture"),
    "flux": ("identity", "mixture"),
    "auraflow": ("spherical", "aid-outer"),
}


@pytest.mark.parametrize(
    ("family", "method"), [(family, method) for family in BUILDERS for method in FEW.get(family, immediate_methods())]
)
def test_every_method_joins_two_texts_or_says_why_not(tiny_model, family, method):
    model, (refused, reason) = tiny_model(family), REFUSED.get(method, (set(), ""))
    if family in refused:
        with pytest.raises(UserError, match=reason):
            path(model, method)
        return
    images = model.render([path(model, method)(t) for t in (0.5, 1.0)], sampling(family, num_inference_steps=1))
    assert difference(images[1], own_image(model, family, num_inference_steps=1)) <= 1
    assert difference(images[0], images[1]) > 0


@families
@pytest.mark.parametrize("scheduler", ["euler", "unipc"])
def test_another_scheduler_or_why_not(tiny_model, family, scheduler):
    """Those that know rectified flow stand in for a scheduler of it; the others are refused."""
    model = tiny_model(family)
    own, conditionings = model.pipeline.scheduler, model.encode([B])
    if family not in {"sdxl", "pixart"} and scheduler == "euler":
        with pytest.raises(UserError, match=r"has no schedule for models of rectified flow.*wanted own, dpm, unipc"):
            model.render(conditionings, sampling(family, scheduler=scheduler))
    else:
        other = model.render(conditionings, sampling(family, scheduler=scheduler))
        own_scheduler = model.render(conditionings, sampling(family))
        assert (difference(other, own_scheduler) > 0) != ((family, scheduler) == ("sdxl", "euler"))  # its own is Euler
    assert model.pipeline.scheduler is own


# --- guidance ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zeros", [True, False])
def test_no_negative_prompt_is_zeros_where_sdxl_is_configured_so(zeros):
    model = Model("tiny", stable_diffusion_xl(force_zeros_for_empty_prompt=zeros))
    [b] = model.encode([B])
    none, empty = (model.render([b], sampling("sdxl", negative_prompt=text))[0] for text in (None, ""))
    assert difference(none, own_image(model, "sdxl")) <= 1
    assert difference(empty, own_image(model, "sdxl", negative_prompt="")) <= 1
    assert (difference(none, empty) > 1) == zeros


@families
def test_a_negative_prompt_is_the_pipelines_own(tiny_model, family):
    model = tiny_model(family)
    guidance = {"true_cfg_scale": 2.5} if family == "flux" else {}
    [b] = model.encode([B])
    options = {"negative_prompt": "a blue boat"} | guidance
    [image] = model.render([shuffled(b)], sampling(family, **options))
    [uneven] = model.render([doubled(b)], sampling(family, **options))
    assert difference(image, own_image(model, family, **options)) <= 1
    assert difference(uneven, image) <= 1
    assert difference(image, model.render([b], sampling(family))[0]) > 1


@families
def test_without_guidance(tiny_model, family):
    model = tiny_model(family)
    [b] = model.encode([B])
    [image] = model.render([doubled(b)], sampling(family, guidance_scale=1.0))
    assert difference(image, own_image(model, family, guidance_scale=1.0)) <= 1


def test_guidance_that_would_do_nothing_is_refused(tiny_model):
    for family, changes, message in (
        (
            "flux",
            {"negative_prompt": "a boat"},
            "negative_prompt: Flux.1 looks at it only with a true_cfg_scale above 1",
        ),
        ("sdxl", {"true_cfg_scale": 2.0}, "true_cfg_scale: Stable Diffusion XL has none, got 2"),
    ):
        model = tiny_model(family)
        with pytest.raises(UserError, match=message):
            model.render(model.encode([B]), sampling(family, **changes))


def test_flux_without_guidance_embedding_and_sd3_without_t5():
    schnell, without_t5 = Model("schnell", flux(guidance=False)), Model("no T5", stable_diffusion_3(t5=False))
    for family, model in (("flux", schnell), ("sd3", without_t5)):
        end = path(model)(1)
        assert difference(model.render([end], sampling(family))[0], own_image(model, family)) <= 1
    assert not without_t5.encode([B])[0].clouds["t5"].rows.any()


# --- the pipeline's parts ---------------------------------------------------------------------------------------------


@families
def test_each_step_is_reported_and_can_end_the_rendering(tiny_model, family):
    from whichway.analysis.images.rendering import render_each

    model, steps = tiny_model(family), []
    scheduler = model.pipeline.scheduler
    conditionings = model.encode([B])
    list(render_each(model, conditionings, sampling(family), on_step=lambda: steps.append(1)))
    assert len(steps) == 2

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(render_each(model, conditionings, sampling(family), on_step=stop))
    assert model.pipeline.scheduler is scheduler
    assert "step" not in vars(scheduler)


@pytest.mark.parametrize("family", ["sdxl", "pixart", "sana"])
def test_keys_and_values_are_computed_once_for_all_steps(tiny_model, family):
    model = tiny_model(family)
    layers = cross_attention_layers(model.denoiser).values()
    calls, asked = [], []
    hooks = [layer.register_forward_hook(lambda *_: asked.append(1)) for layer in layers]
    # underneath what remembers: a projection that is not run again calls no linear function
    for layer in layers:
        for projection in (layer.to_k, layer.to_v):
            original = projection.forward
            projection.forward = lambda rows, original=original: (calls.append(1), original(rows))[1]
    try:
        model.render(model.encode([B]), sampling(family, num_inference_steps=4))
    finally:
        for hook in hooks:
            hook.remove()
        for layer in layers:
            del layer.to_k.forward, layer.to_v.forward
    assert len(asked) == 4 * len(layers)
    assert len(calls) == 2 * len(layers)


@families
def test_a_batch_fits(tiny_model, family):
    assert 1 <= fitting_batch_size(tiny_model(family), sampling(family)) <= 16


@families
def test_prompts_that_are_too_long_are_cut_off_with_a_warning_for_each_encoder(tiny_model, family):
    model = tiny_model(family)
    words = 600
    with pytest.warns(TruncationWarning) as warnings:
        model.encode(["fox " * words])
    assert len(warnings) == len(PARTS[family][0])
    assert all("prompt truncated: " in str(warning.message) for warning in warnings)


@joint
def test_weights_that_reach_no_attention_are_an_error(tiny_model, family, monkeypatch):
    model = tiny_model(family)
    denoiser, rows = model.denoiser, torch.ones(1, 3, 4)
    monkeypatch.setattr(type(denoiser), "forward", lambda self, hidden_states, encoder_hidden_states: None)
    with (
        pytest.raises(RuntimeError, match=r"no attention of .* goes through scaled_dot_product_attention"),
        attend_jointly_with_weights(denoiser, [torch.ones(1, 3)], "first"),
    ):
        denoiser(hidden_states=torch.ones(1, 4, 4), encoder_hidden_states=rows)
    assert not denoiser._forward_pre_hooks


@pytest.mark.parametrize(("family", "message"), [("sd3", "has no cross-attention"), ("pixart", "rewrites the rows")])
def test_the_cross_attention_metric_is_refused_where_there_is_none(tiny_model, family, message):
    with pytest.raises(UserError, match=message):
        cross_attention_metric(tiny_model(family))


def test_sdxl_has_a_cross_attention_metric(tiny_model, monkeypatch, tmp_path):
    monkeypatch.setenv("WHICHWAY_CACHE", str(tmp_path))
    a, b = (each.cloud for each in tiny_model("sdxl").encode([A, B]))
    assert ground_costs(a, b, cross_attention_metric(tiny_model("sdxl"))).shape == (77, 77)


# --- pipelines of no family -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Flux2KleinPipeline", r"know their places .* \(identity, slerp\)"),
        ("QwenImagePipeline", "know their places"),
        ("Lumina2Pipeline", "know their places"),
        ("ZImagePipeline", "know their places"),
        ("HunyuanDiTPipeline", "a learned vector for each place"),
        ("ChromaPipeline", "issues 11724, 12116, 13619"),
        ("StableDiffusionXLImg2ImgPipeline", "makes an image of another image"),
        ("FluxFillPipeline", "makes an image of another image"),
        ("NewPipeline", "text_encoder Module.*which is of no family that is known; wanted .* Flux.1"),
    ],
)
def test_pipelines_that_are_refused_and_why(name, reason):
    pipeline = type(name, (), {"components": {"text_encoder": torch.nn.Module(), "scheduler": None}})()
    with pytest.raises(UserError, match=f"^model 'mine' is a {name}.*{reason}"):
        find_family(pipeline, "mine")


def test_a_subclass_of_the_users_is_of_its_parents_family(tiny_model):
    own = type("MyPipeline", (type(tiny_model("sdxl").pipeline),), {})
    pipeline = own(**tiny_model("sdxl").pipeline.components)
    assert find_family(pipeline, "mine") is tiny_model("sdxl").family


def test_a_unet_that_takes_an_image_too_is_refused(tiny_model):
    pipeline = tiny_model("sdxl").pipeline
    inpainting = type("StableDiffusionXLPipeline", (), {})()
    inpainting.unet = SimpleNamespace(config=SimpleNamespace(in_channels=9))
    inpainting.vae = pipeline.vae
    with pytest.raises(UserError, match="its UNet takes 9 channels where its latents have 4"):
        find_family(inpainting, "mine")
