"""The founding claim, and that each check of it can fail."""

import functools
from dataclasses import replace

import numpy as np
import psutil
import pytest
import torch
import torch.nn.functional as F
from diffusers import StableDiffusionPipeline
from torch.overrides import TorchFunctionMode

from whichway.analysis.errors import UserError
from whichway.analysis.images.altered_attention import features_reordered, positions_on_keys
from whichway.analysis.images.noise import initial_noise
from whichway.analysis.images.rendering import render
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.images.weighted_attention import cross_attention_layers
from whichway.analysis.invariance import check as check_module
from whichway.analysis.invariance.check import LEVELS, check_invariance, supported_dtypes, words_reordered
from whichway.analysis.invariance.rewriting import REWRITINGS, Rewriting, relative_error
from whichway.analysis.models.model import Model, load_model
from whichway.analysis.prompts.encoding import encode

QUICK = Sampling(seed=3, num_inference_steps=2, guidance_scale=3.0)


@pytest.fixture(scope="module")
def folder(tiny_pipeline_folder):
    return str(tiny_pipeline_folder)


@pytest.fixture
def model(folder):
    return load_model(folder, device="cpu")


PROMPT, OTHER = "a large fox to the left of a pizza", "a small red car at night"


def check(model, dtypes=("float64",), levels=("denoiser",), **options):
    return list(check_invariance(model, dtypes=dtypes, levels=levels, sampling=QUICK, **options))


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_it_holds_at_every_level(model, dtype):
    records = check(model, [dtype], LEVELS)
    layers = cross_attention_layers(model.pipeline.unet)
    assert [record.level for record in records] == [*(f"layer {name}" for name in layers), "denoiser", "image"]
    for record in records:
        assert max(record.errors.values()) <= record.tolerance
        assert record.floor <= record.tolerance


def test_float64_errors_are_the_rounding_of_float64(model):
    (record,) = check(model)
    assert record.measure_invariant
    assert max(record.errors.values()) < 1e-14 < 1e-3 < record.controls["different_text"]
    assert 0 < record.floor < 1e-14


def test_growth_and_pixels_are_those_of_the_sampled_image(model):
    """Sampled a second time by the pipeline itself, and rendered by the renderer of every comparison."""
    (record,) = check(model, ["float32"], ["image"], prompt=PROMPT, other=OTHER)
    trajectories = []
    for text in (PROMPT, OTHER):
        latents: list[torch.Tensor] = []
        keep = lambda _pipeline, _step, _time, tensors, latents=latents: latents.append(tensors["latents"]) or tensors  # noqa: E731
        model.pipeline(
            prompt_embeds=encode(model, text).rows[None],
            negative_prompt_embeds=encode(model, "").rows[None],
            latents=initial_noise(model, QUICK.seed),
            num_inference_steps=QUICK.num_inference_steps,
            guidance_scale=QUICK.guidance_scale,
            callback_on_step_end=keep,
        )
        trajectories.append(latents)
    expected = [float((b - a).norm() / a.norm()) for a, b in zip(*trajectories, strict=True)]
    assert record.growth["different_text"] == pytest.approx(expected, rel=1e-4)
    assert record.controls["different_text"] == pytest.approx(expected[-1], rel=1e-4)
    images = render(model, [encode(model, text) for text in (PROMPT, OTHER)], QUICK).astype(int)
    pixels = record.details["largest_pixel_difference"]
    assert pixels["different_text"] == pytest.approx(np.abs(images[1] - images[0]).max(), abs=1)
    assert pixels["permutation"] <= 1 < pixels["different_text"]
    assert set(record.growth) == set(pixels) == {*REWRITINGS, "floor", "different_text", "word_order"}


def test_controls_are_the_changes_of_the_denoiser(model):
    """Evaluated a second time, by the denoiser alone."""
    (record,) = check(model, ["float32"], prompt=PROMPT, other=OTHER)
    with torch.inference_mode():
        plain, other, reordered = (
            model.pipeline.unet(initial_noise(model, QUICK.seed), 500, encode(model, text).rows[None]).sample
            for text in (PROMPT, OTHER, "pizza a of left the to fox large a")
        )
    assert record.controls["different_text"] == pytest.approx(float((other - plain).norm() / plain.norm()), rel=1e-3)
    assert record.controls["word_order"] == pytest.approx(float((reordered - plain).norm() / plain.norm()), rel=1e-3)


def test_both_prompts_are_rewritten_and_each_in_its_own_way(model, monkeypatch):
    calls = []
    original = StableDiffusionPipeline.__call__

    @functools.wraps(original)  # the toolkit looks at its signature
    def recording(self, **options):
        calls.append(options)
        return original(self, **options)

    monkeypatch.setattr(StableDiffusionPipeline, "__call__", recording)
    sampling = replace(QUICK, negative_prompt="a cat")
    list(check_invariance(model, PROMPT, OTHER, dtypes=["float32"], levels=["image"], sampling=sampling))
    plain, permuted, duplicated = calls[:3]
    orders = []
    for name, text in (("prompt_embeds", PROMPT), ("negative_prompt_embeds", "a cat")):
        rows = encode(model, text).rows
        assert torch.equal(plain[name], rows[None])
        assert duplicated[name].shape == (1, 154, 16)
        orders.append((permuted[name][0][:, None] == rows[None]).all(dim=2).int().argmax(dim=1).tolist())
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(77))
    assert orders[0] != orders[1] != list(range(77)) != orders[0]


def test_it_holds_without_guidance_too(model):
    unguided = replace(QUICK, guidance_scale=1.0)
    (record,) = check_invariance(model, dtypes=["float64"], levels=["image"], sampling=unguided)
    assert record.measure_invariant


def violated(record):
    """Properties that are violated beyond all doubt; the others hold."""
    names = {name for name, error in record.errors.items() if error > 1e3 * record.tolerance}
    assert all(record.errors[name] <= record.tolerance for name in set(record.errors) - names)
    assert record.measure_invariant == (not names)
    assert record.permutation_invariant == ("permutation" not in names)
    return names


class AlteredTextAttention(TorchFunctionMode):
    """Within the context, attention to 77 or 154 text rows takes other keys, values and mask."""

    def __init__(self, alter):
        super().__init__()
        self.alter = alter

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is not F.scaled_dot_product_attention:
            return function(*args, **(kwargs or {}))
        query, key, value = args
        mask = kwargs.pop("attn_mask", None)
        if key.shape[-2] in (77, 154):
            key, value, mask = self.alter(key, value, mask)
        return function(query, key, value, attn_mask=mask, **kwargs)


def count_the_total_mass(key, value, mask):
    """One more key, of no text: what joint attention with an image does to the text's mass."""
    key, value = (F.pad(rows, (0, 0, 0, 1)) for rows in (key, value))
    return key, value, None if mask is None else F.pad(mask, (0, 1))


def ignore_the_weights(key, value, mask):
    return key, value, None


def test_attention_broken_on_purpose_is_caught(model):
    with positions_on_keys(model.pipeline.unet):
        for record in check(model, levels=LEVELS):
            assert violated(record) == {"permutation", "duplication", "splitting"}


@pytest.mark.parametrize(
    ("alter", "properties"),
    [(count_the_total_mass, {"duplication", "scaling"}), (ignore_the_weights, {"splitting"})],
)
def test_each_property_can_fail_by_itself(model, alter, properties):
    with AlteredTextAttention(alter):
        records = check(model, levels=LEVELS)
    assert len(records) > 2
    assert all(violated(record) == properties for record in records)


def test_attention_that_counts_rows_is_invariant_to_their_order_only(model):
    """Values scaled by the number of rows: blind to order, not a function of the measure."""
    for layer in cross_attention_layers(model.pipeline.unet).values():
        layer.to_v.register_forward_hook(lambda _, args, values: values * args[0].shape[1] / 77)
    for record in check(model, levels=("layers", "denoiser")):
        assert violated(record) == {"duplication", "splitting"}


def test_a_permutation_that_permutes_nothing_is_noticed(model, monkeypatch):
    """The control with broken attention compares broken with broken: without a permutation it sees no change."""
    monkeypatch.setitem(REWRITINGS, "permutation", lambda n, _: Rewriting(torch.arange(n), torch.ones(n)))
    for record in check(model, levels=("denoiser", "image")):
        assert record.controls["broken_attention"] == 0
        assert record.failed_controls == ["broken_attention"]


def test_a_model_that_ignores_its_text_shows_nothing(model):
    for layer in cross_attention_layers(model.pipeline.unet).values():
        torch.nn.init.zeros_(layer.to_v.weight)
    for record in check(model, levels=("denoiser", "image")):
        assert max(record.errors.values()) <= record.tolerance
        assert set(record.failed_controls) == {"different_text", "word_order", "broken_attention"}
        assert not record.permutation_invariant
        assert not record.measure_invariant


def test_the_model_is_left_as_it_was(model):
    before = model.fingerprint
    check(model, ["bfloat16", "float32"], ["layers", "denoiser"])
    assert load_model(model.name, device="cpu").fingerprint == before
    assert model.dtype == torch.float32
    assert Model(model.name, model.pipeline).fingerprint == before  # read anew


def test_no_hook_and_no_inference_mode_is_left_on(model):
    rows, noise = encode(model, PROMPT).rows[None], initial_noise(model, QUICK.seed)
    with torch.no_grad():
        plain = model.pipeline.unet(noise, 500, rows).sample
    for _ in check_invariance(model, dtypes=["float32"], sampling=QUICK):  # no copy: the model's own dtype
        assert not torch.is_inference_mode_enabled()
    with torch.no_grad():
        assert torch.equal(model.pipeline.unet(noise, 500, rows).sample, plain)


def test_reordered_features_change_rounding_and_nothing_else(model):
    unet = model.pipeline.unet
    rows = torch.randn(1, 77, 16, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        plain = unet(noise, 500, rows).sample
        with features_reordered(unet) as order:
            assert not torch.equal(order, torch.arange(16))
            assert relative_error(unet(noise, 500, rows[..., order]).sample, plain) < 1e-5
            assert relative_error(unet(noise, 500, rows).sample, plain) > 1e-4
        assert torch.equal(unet(noise, 500, rows).sample, plain)


@pytest.mark.parametrize("has_instructions", [True, False])
def test_a_cpu_computes_in_bfloat16_where_it_has_the_instructions_and_never_in_float16(has_instructions, monkeypatch):
    monkeypatch.setattr(check_module, "multiplies_bfloat16", lambda device: has_instructions)
    expected = ("float64", "float32", "bfloat16") if has_instructions else ("float64", "float32")
    assert supported_dtypes(torch.device("cpu")) == expected


def test_graphics_processors_compute_in_float16_and_apples_not_in_float64(monkeypatch):
    monkeypatch.setattr(check_module, "multiplies_bfloat16", lambda device: device.type == "cuda")
    assert supported_dtypes(torch.device("cuda")) == ("float64", "float32", "float16", "bfloat16")
    assert supported_dtypes(torch.device("mps")) == ("float32", "float16", "bfloat16")


def test_words_in_another_order():
    assert words_reordered("a large fox") == "fox large a"
    assert words_reordered("fox and fox") == "and fox fox"  # backwards it reads the same


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("no"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_images_that_do_not_fit_are_one_line(model, monkeypatch, error):
    def fail(check, levels):
        raise error

    monkeypatch.setattr(check_module.OneModelCheck, "records", fail)
    with pytest.raises(
        UserError, match=r"in float32 does not fit in the memory of cpu, with the images .* smaller --height"
    ):
        list(check_invariance(model, dtypes=["float32"], sampling=QUICK))


def test_memory_is_needed_for_the_model_and_its_copy(model, monkeypatch):
    pipeline = model.pipeline
    parameters = sum(
        p.numel() for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder) for p in part.parameters()
    )
    available = parameters * (4 + 8)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": available})())
    assert check(model)
    available -= 1
    with pytest.raises(UserError, match=r"in float64 needs 0\.0 GiB for its weights"):
        check(model)


def test_an_unknown_dtype_is_a_user_error_in_python_too(model):
    with pytest.raises(UserError, match="unknown dtype"):
        check(model, ["float8"])
