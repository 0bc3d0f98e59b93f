"""A pipeline of the user's own, with adapters in it and another scheduler: taken as it is, left as it was."""

import numpy as np
import pytest
import torch

from tests.pipeline_state import state_of
from whichway.analysis.errors import UserError
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import load_model
from whichway.analysis.runs.comparison import compare
from whichway.analysis.runs.comparison_settings import ComparisonSettings

FAST = Sampling(num_inference_steps=2)
TOKEN = "<thing>"


@pytest.fixture
def pipeline(tiny_pipeline_folder):
    from diffusers import EulerAncestralDiscreteScheduler, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(tiny_pipeline_folder, safety_checker=None)
    pipeline.scheduler = EulerAncestralDiscreteScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(desc="mine")
    pipeline.unet.to(memory_format=torch.channels_last)
    return pipeline


def add_lora(pipeline) -> None:
    from peft import LoraConfig

    generator = torch.Generator().manual_seed(0)
    pipeline.unet.add_adapter(LoraConfig(r=2, target_modules=["to_k", "to_v"]), adapter_name="style")
    with torch.no_grad():
        for name, parameter in pipeline.unet.named_parameters():
            if "lora_B" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
    pipeline.set_adapters(["style"], adapter_weights=[0.7])


def add_embedding(pipeline) -> None:
    vectors = torch.randn(2, 16, generator=torch.Generator().manual_seed(1))
    pipeline.load_textual_inversion({TOKEN: vectors}, token=TOKEN)


def add_ip_adapter(pipeline) -> dict:
    """Loads one with random weights; returns what the pipeline's call then needs."""
    generator = torch.Generator().manual_seed(2)
    widths = {
        name: layer.to_k.weight.shape[0]
        for name, layer in pipeline.unet.named_modules()
        if name.endswith("attn2") and hasattr(layer, "to_k")
    }
    state = {
        "image_proj": {
            "proj.weight": torch.randn(4 * 16, 8, generator=generator),
            "proj.bias": torch.zeros(4 * 16),
            "norm.weight": torch.ones(16),
            "norm.bias": torch.zeros(16),
        },
        "ip_adapter": {},
    }
    for number, name in enumerate(pipeline.unet.attn_processors):
        if name.endswith("attn2.processor"):
            for part in ("to_k_ip", "to_v_ip"):
                width = widths[name.removesuffix(".processor")]
                state["ip_adapter"][f"{number}.{part}.weight"] = torch.randn(width, 16, generator=generator)
    pipeline.unet._load_ip_adapter_weights([state])
    pipeline.set_ip_adapter_scale(0.6)
    return {"ip_adapter_image_embeds": [torch.randn(2, 1, 8, generator=generator)]}


def with_lora_and_embedding(pipeline):
    add_lora(pipeline)
    add_embedding(pipeline)
    return {}


@pytest.mark.parametrize(
    ("prepare", "methods"),
    [
        (with_lora_and_embedding, ("optimal@cross-attention", "mixture", "aid-outer")),
        (add_ip_adapter, ("optimal", "mixture")),
    ],
)
def test_a_comparison_leaves_the_pipeline_exactly_as_it_was(pipeline, tmp_path, prepare, methods):
    arguments = prepare(pipeline)
    before = state_of(pipeline)
    settings = ComparisonSettings("a fox", "a red car at night", methods=methods, frames=3, sampling=FAST)
    model = load_model(pipeline, call_arguments=arguments)
    comparison = compare(settings, out=tmp_path / "run", model=model)
    assert comparison.endpoint_check.passed
    after = state_of(pipeline)
    assert before.keys() == after.keys()
    for name in before:
        assert before[name] == after[name], name


def test_its_images_are_its_own_calls(pipeline):
    arguments = add_ip_adapter(pipeline)
    add_embedding(pipeline)
    model = load_model(pipeline, call_arguments=arguments)
    ours = model.render(model.encode([f"a {TOKEN} at night"]), FAST)[0].astype(int)
    plain = pipeline(
        f"a {TOKEN} at night",
        num_inference_steps=2,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
        **arguments,
    ).images[0]
    assert np.abs(ours - (plain * 255).round()).max() <= 1


def test_the_fingerprint_knows_adapters_and_their_scales(pipeline):
    model = load_model(pipeline)
    identities = [model.fingerprint]
    add_lora(pipeline)
    identities.append(model.fingerprint)
    pipeline.set_adapters(["style"], adapter_weights=[0.1])
    identities.append(model.fingerprint)
    add_embedding(pipeline)
    identities.append(model.fingerprint)
    add_ip_adapter(pipeline)
    identities.append(model.fingerprint)
    pipeline.set_ip_adapter_scale(0.1)
    identities.append(model.fingerprint)
    assert len(set(identities)) == len(identities)


def test_what_the_call_is_given_belongs_to_the_identity(pipeline):
    arguments = add_ip_adapter(pipeline)
    other = {"ip_adapter_image_embeds": [arguments["ip_adapter_image_embeds"][0] + 1]}
    identities = [load_model(pipeline, call_arguments=each).identity for each in (arguments, other, {})]
    assert identities[0] != identities[1] != identities[2] != identities[0]


def test_an_ip_adapter_and_attention_interpolation_do_not_go_together(pipeline, tmp_path):
    model = load_model(pipeline, call_arguments=add_ip_adapter(pipeline))
    settings = ComparisonSettings("a fox", "a car", methods=("aid-inner",), frames=3, sampling=FAST)
    with pytest.raises(UserError, match="attends to an image too"):
        compare(settings, out=tmp_path / "run", model=model)


def test_options_that_would_change_it_are_refused(pipeline):
    with pytest.raises(UserError, match="dtype, loras: a pipeline of your own is left as it is"):
        load_model(pipeline, dtype="float16", loras=["style.safetensors"])
    with pytest.raises(UserError, match="wanted a name or a pipeline of diffusers, got a UNet2DConditionModel"):
        load_model(pipeline.unet)
    with pytest.raises(UserError, match="call_arguments: height, prompt belong to the sampling or the prompts"):
        load_model(pipeline, call_arguments={"height": 8, "prompt": "a fox"})


def test_an_image_to_image_pipeline_is_refused(pipeline):
    from diffusers import StableDiffusionImg2ImgPipeline

    with pytest.raises(UserError, match=r"is an image-to-image pipeline .* wanted a StableDiffusionPipeline"):
        load_model(StableDiffusionImg2ImgPipeline(**pipeline.components, requires_safety_checker=False))


def test_clip_skip_reaches_the_rows():
    from diffusers import StableDiffusionPipeline

    from whichway.miniature import MODEL

    pipeline = StableDiffusionPipeline.from_pretrained(MODEL, safety_checker=None, torch_dtype=torch.float32)
    encoder = pipeline.text_encoder
    rows = [load_model(pipeline, clip_skip=skip).encode(["a fox"])[0].cloud.rows for skip in (None, 1)]
    assert not torch.allclose(*rows)
    with torch.no_grad():
        hidden = encoder(
            pipeline.tokenizer("a fox", padding="max_length", return_tensors="pt").input_ids, output_hidden_states=True
        )
        assert torch.allclose(rows[1], encoder.final_layer_norm(hidden.hidden_states[-2])[0], atol=1e-5)
    assert load_model(pipeline, clip_skip=1).identity != load_model(pipeline).identity
    assert not hasattr(encoder, "text_model")
    with pytest.raises(UserError, match=r"clip_skip: wanted 1 to .*; got 99"):
        load_model(pipeline, clip_skip=99)


def test_the_explorer_takes_a_pipeline(pipeline, tmp_path):
    from whichway.analysis.explorer import Explorer

    before = state_of(pipeline)
    explorer = Explorer(model=pipeline, folder=tmp_path, frames=2, methods=["optimal"], num_inference_steps=2)
    try:
        assert explorer.wait(120).images()["optimal"].shape == (2, 16, 16, 3)
        assert explorer.model == "your own StableDiffusionPipeline"
    finally:
        explorer.close()
    assert state_of(pipeline) == before
