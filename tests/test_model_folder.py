"""Folders and files that are no text-to-image model, or not all of one: one line each, with what would be right."""

import json
import re
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from whichway.analysis.errors import UserError
from whichway.analysis.models.model import load_model
from whichway.analysis.models.single_file import PIPELINES, SingleFile


@pytest.fixture
def folder(tmp_path, tiny_pipeline_folder):
    return shutil.copytree(tiny_pipeline_folder, tmp_path / "model")


def refusal(where, **options) -> str:
    with pytest.raises(UserError) as raised:
        load_model(str(where), device="cpu", **options)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def edit(path, change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def edit_weights(path, change) -> None:
    weights = load_file(path)
    change(weights)
    save_file(weights, path, metadata={"format": "pt"})


# --- what a folder may be ---------------------------------------------------------------------------------------------


def test_a_lora_given_as_the_model(tmp_path):
    weights = {"unet.down_blocks.1.attentions.0.to_k.lora_A.weight": torch.zeros(1, 1)}
    save_file(weights, tmp_path / "pytorch_lora_weights.safetensors")
    assert "it is a LoRA (name the model that it belongs to with --model, and this with --lora)" in refusal(tmp_path)
    assert "is a LoRA, not a model; name the model with --model, and this with --lora" in refusal(
        tmp_path / "pytorch_lora_weights.safetensors"
    )


def test_an_embedding_given_as_the_model(tmp_path):
    save_file({"emb_params": torch.zeros(2, 16)}, tmp_path / "cat.safetensors")
    assert "is an embedding, not a model; name the model with --model, and this with --embedding" in refusal(
        tmp_path / "cat.safetensors"
    )


def test_one_component_of_a_model(folder):
    assert "it is a single component (UNet2DConditionModel) of a model" in refusal(folder / "unet")


def rename_weights(folder, suffix):
    for path in [*folder.rglob("*.safetensors")]:
        path.rename(path.with_name(path.name.replace(".safetensors", suffix)))


def test_a_folder_with_one_variant_only(folder):
    rename_weights(folder, ".fp16.safetensors")
    assert "only in the variant fp16; add --variant fp16" in refusal(folder)
    assert load_model(str(folder), device="cpu", variant="fp16").dtype == torch.float32


def test_a_variant_that_is_not_there(folder):
    assert "has no weights of variant 'fp16'; there are only plain ones" in refusal(folder, variant="fp16")


@pytest.mark.parametrize("suffix", [".bin", ".ckpt"])
def test_pickles_are_not_read(folder, suffix):
    rename_weights(folder, suffix)
    assert "only as a pickle" in refusal(folder)


def test_an_inpainting_pipeline(folder):
    edit(folder / "model_index.json", lambda index: index.update(_class_name="StableDiffusionInpaintPipeline"))
    message = refusal(folder)
    assert "is an inpainting pipeline (StableDiffusionInpaintPipeline)" in message
    assert "wanted a StableDiffusionPipeline" in message


@pytest.mark.parametrize(("channels", "what"), [(9, "an inpainting model"), (8, "a model that is given an image too")])
def test_a_denoiser_that_takes_more_than_latents(folder, channels, what):
    edit(folder / "unet" / "config.json", lambda config: config.update(in_channels=channels))
    assert f"is {what}: its denoiser takes {channels} channels where its latents have 4" in refusal(folder)


def test_code_that_a_model_brings_along_is_not_run(folder):
    (folder / "pipeline.py").write_text("raise SystemExit('it ran')")
    edit(folder / "model_index.json", lambda index: index.update(_class_name=["pipeline", "MyPipeline"]))
    assert "brings a pipeline class of its own (MyPipeline), whose code is never run" in refusal(folder)


def test_a_component_of_a_class_that_a_model_brings_along(folder):
    (folder / "unet" / "mine.py").write_text("raise SystemExit('it ran')")
    edit(folder / "model_index.json", lambda index: index.update(unet=["mine", "MyUNet"]))
    assert "its component 'unet' is a mine.MyUNet, which neither diffusers nor transformers has" in refusal(folder)


def test_a_component_without_a_folder(folder):
    shutil.rmtree(folder / "vae")
    assert "lacks the folder 'vae', which its model_index.json names" in refusal(folder)


def test_a_component_that_the_index_leaves_out(folder):
    edit(folder / "model_index.json", lambda index: index.update(text_encoder=[None, None]))
    assert "lacks the component 'text_encoder', which a StableDiffusionPipeline needs" in refusal(folder)


def test_a_component_without_weights(folder):
    for path in (folder / "unet").glob("*.safetensors"):
        path.unlink()
    assert "has no weights of its component 'unet'" in refusal(folder)


def test_a_damaged_index(folder):
    (folder / "model_index.json").write_text("{")
    assert "model_index.json' is damaged" in refusal(folder)


@pytest.mark.parametrize("content", ['{"_class_name": null}', '{"_class_name": 3}'])
def test_an_index_without_a_class(folder, content):
    (folder / "model_index.json").write_text(content)
    assert "model_index.json' is damaged" in refusal(folder)


@pytest.mark.parametrize(
    "file",
    ["unet/config.json", "vae/config.json", "text_encoder/config.json", "scheduler/scheduler_config.json"],
)
def test_a_component_without_its_configuration(folder, file):
    (folder / file).unlink()
    part, name = file.split("/")
    assert f"its {part!r} has no {name}, which says what " in refusal(folder)


@pytest.mark.parametrize("content", [b"", b'{"a": ', b"null", b"[]", b"3", b"\xff\xfe\x80", b"[" * 100_000])
def test_a_damaged_configuration_is_named_and_what_is_right(folder, content):
    for file in ("unet/config.json", "scheduler/scheduler_config.json", "tokenizer/tokenizer_config.json"):
        before = (folder / file).read_bytes()
        (folder / file).write_bytes(content)
        message = refusal(folder)
        assert message.endswith(f"{file}' is damaged; wanted a JSON object, as save_pretrained writes it")
        (folder / file).write_bytes(before)


PYTHON = re.compile(r"NoneType|has no attribute|object is not|expected at most|concatenate|torch\.Size|\bpop\b")


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("unet/config.json", "unet"),
        ("vae/config.json", "vae"),
        ("text_encoder/config.json", "text_encoder"),
        ("scheduler/scheduler_config.json", "scheduler"),
        ("tokenizer/tokenizer.json", "tokenizer"),
        ("tokenizer/tokenizer_config.json", "tokenizer"),
    ],
)
def test_a_configuration_of_values_that_are_none_names_its_component_and_nothing_of_python(folder, file, part):
    for value in (None, [1]):
        before = (folder / file).read_bytes()
        edit(folder / file, lambda content, value=value: content.update(dict.fromkeys(content, value)))
        message = refusal(folder)
        assert f"{part!r} cannot be made" in message
        assert not PYTHON.search(message)
        (folder / file).write_bytes(before)


def test_a_value_of_a_wrong_type_is_named(folder):
    edit(folder / "text_encoder" / "config.json", lambda content: content.update(vocab_size="many"))
    assert "its 'text_encoder' cannot be made: vocab_size is no int; wanted the config.json that" in refusal(folder)


# --- weights that do not fit ------------------------------------------------------------------------------------------

TEXT, UNET = "text_encoder/model.safetensors", "unet/diffusion_pytorch_model.safetensors"
TEXT_WEIGHT, UNET_WEIGHT = "final_layer_norm.weight", "conv_in.weight"


@pytest.mark.parametrize(("file", "weight"), [(TEXT, TEXT_WEIGHT), (UNET, UNET_WEIGHT)])
def test_weights_that_are_missing_are_not_random_numbers(folder, file, weight):
    edit_weights(folder / file, lambda weights: weights.pop(weight))
    assert f"{file.split('/')[0]!r} lacks {weight}" in refusal(folder)


@pytest.mark.parametrize(("file", "cls"), [(TEXT, "CLIPTextModel"), (UNET, "UNet2DConditionModel")])
def test_weights_that_a_component_has_no_place_for(folder, file, cls):
    edit_weights(folder / file, lambda weights: weights.update(nonsense=torch.zeros(1)))
    assert f"{file.split('/')[0]!r} has nonsense, which {cls} has no place for" in refusal(folder)


@pytest.mark.parametrize(("file", "weight"), [(TEXT, TEXT_WEIGHT), (UNET, UNET_WEIGHT)])
def test_weights_of_another_shape(folder, file, weight):
    edit_weights(folder / file, lambda weights: weights.update({weight: torch.zeros(3)}))
    message = refusal(folder)
    assert f"do not fit its config.json: {weight} expected shape" in message
    assert "but got" in message
    assert message.endswith("but got (3)") or message.endswith("but got (3,)")


def test_a_text_encoder_with_projection_where_rows_are_wanted(folder, tiny_pipeline_folder):
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    config = CLIPTextConfig.from_pretrained(tiny_pipeline_folder / "text_encoder")
    CLIPTextModelWithProjection(config).save_pretrained(folder / "text_encoder")
    edit(
        folder / "model_index.json",
        lambda index: index.update(text_encoder=["transformers", "CLIPTextModelWithProjection"]),
    )
    message = refusal(folder)
    assert "its 'text_encoder' is a CLIPTextModelWithProjection, which projects the text to one vector" in message
    assert "wanted a CLIPTextModel" in message


def test_a_tokenizer_without_a_vocabulary(folder):
    (folder / "tokenizer" / "tokenizer.json").unlink()
    message = "its 'tokenizer' has no vocabulary; wanted tokenizer.json or vocab.json and merges.txt"
    assert message in refusal(folder)
    (folder / "tokenizer" / "vocab.json").write_text("{}")
    assert message in refusal(folder)


def test_a_tokenizer_without_a_length(folder):
    edit(folder / "tokenizer" / "tokenizer_config.json", lambda config: config.pop("model_max_length"))
    assert "its 'tokenizer' has no model_max_length, its text encoder 77 positions" in refusal(folder)


# --- single files -----------------------------------------------------------------------------------------------------

UNET_KEY = "model.diffusion_model.input_blocks.0.0.weight"
CROSS_KEY = "model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight"
KINDS = {
    "v1": {UNET_KEY: (320, 4, 3, 3), CROSS_KEY: (320, 768)},
    "v2": {UNET_KEY: (320, 4, 3, 3), CROSS_KEY: (320, 1024)},
    "xl_base": {
        UNET_KEY: (320, 4, 3, 3),
        "conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias": (1280,),
    },
    "sd3": {
        "model.diffusion_model.joint_blocks.0.context_block.adaLN_modulation.1.bias": (9216,),
        "model.diffusion_model.pos_embed": (1, 36864, 1),
    },
    "sd35_large": {"model.diffusion_model.joint_blocks.37.x_block.mlp.fc1.weight": (1, 1)},
    "flux-dev": {
        "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
        "guidance_in.in_layer.bias": (1,),
        "img_in.weight": (1, 64),
    },
    "flux-schnell": {"double_blocks.0.img_attn.norm.key_norm.scale": (128,)},
}


def checkpoint(path, shapes):
    save_file({name: torch.zeros(shape, dtype=torch.float16) for name, shape in shapes.items()}, path)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_file_is_of_the_family_that_its_tensors_say(tmp_path, kind):
    file = SingleFile(checkpoint(tmp_path / "model.safetensors", KINDS[kind]))
    assert file.type == kind
    assert file.denoiser == ("unet" if kind in ("v1", "v2", "xl_base") else "transformer")
    assert hasattr(__import__("diffusers"), PIPELINES[kind])


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({UNET_KEY: (320, 9, 3, 3), CROSS_KEY: (320, 768)}, r"an inpainting checkpoint \(9 input channels\)"),
        (
            {
                "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
                "guidance_in.in_layer.bias": (1,),
                "img_in.weight": (1, 384),
            },
            "an inpainting checkpoint",
        ),
        ({"control_model.time_embed.0.weight": (1, 1)}, "looks like controlnet"),
        ({"encoder.conv_in.weight": (1, 1)}, "holds no denoiser"),
        ({"image_proj.proj.weight": (1,), "ip_adapter.1.to_k_ip.weight": (1,)}, "is an IP-Adapter, not a model"),
    ],
)
def test_single_files_that_make_no_image_of_a_text(tmp_path, shapes, message):
    with pytest.raises(UserError, match=message):
        SingleFile(checkpoint(tmp_path / "model.safetensors", shapes))


@pytest.mark.parametrize("kind", ["v1", "xl_base", "flux-dev"])
def test_a_single_file_whose_configuration_is_not_here(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    message = refusal(checkpoint(tmp_path / "model.safetensors", KINDS[kind]))
    assert f"is a checkpoint for {PIPELINES[kind]}, whose configuration (" in message
    assert "is not in the local cache, and the hub could not be reached" in message
