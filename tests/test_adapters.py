"""LoRAs and textual inversion by name: what they change, and files that are neither."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from whichway.analysis.clouds.cross_attention_metric import effective_weight
from whichway.analysis.errors import UserError
from whichway.analysis.images.weighted_attention import cross_attention_layers
from whichway.analysis.models.adapters import split_option
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.model import load_model

FAST = {"num_inference_steps": 2}


@pytest.fixture(scope="module")
def plain(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu")


@pytest.fixture(scope="module")
def lora(tmp_path_factory, plain):
    """A LoRA of rank 2 on the keys of one cross-attention layer, in diffusers' format; and the layer's change."""
    name, layer = next(iter(cross_attention_layers(plain.denoiser).items()))
    out, width = layer.to_k.weight.shape
    generator = torch.Generator().manual_seed(0)
    down, up = torch.randn(2, width, generator=generator), torch.randn(out, 2, generator=generator)
    path = tmp_path_factory.mktemp("lora") / "style.safetensors"
    save_file({f"unet.{name}.to_k.lora_A.weight": down, f"unet.{name}.to_k.lora_B.weight": up}, path)
    return path, name, up @ down


def embedding(path, *shape, name="emb_params"):
    save_file({name: torch.randn(*shape, generator=torch.Generator().manual_seed(1))}, path)
    return path


@pytest.mark.parametrize(("text", "scale"), [("{}", 1.0), ("{}:0.5", 0.5), ("{}:-2", -2.0)])
def test_a_lora_changes_its_layer_by_its_scale(tiny_pipeline_folder, plain, lora, text, scale):
    """Also for the ground metric of cross-attention, which reads the layer's effective weight."""
    path, name, change = lora
    model = load_model(str(tiny_pipeline_folder), device="cpu", loras=[text.format(path)])
    before, after = (effective_weight(cross_attention_layers(each.denoiser)[name].to_k) for each in (plain, model))
    assert torch.allclose(after - before, scale * change.double(), atol=1e-4)
    assert model.fingerprint != plain.fingerprint


def test_two_loras_are_both_active(tiny_pipeline_folder, plain, lora):
    path, name, change = lora
    model = load_model(str(tiny_pipeline_folder), device="cpu", loras=[str(path), f"{path}:0.5"])
    before, after = (effective_weight(cross_attention_layers(each.denoiser)[name].to_k) for each in (plain, model))
    assert torch.allclose(after - before, 1.5 * change.double(), atol=1e-4)


def test_an_embedding_of_several_vectors_is_several_labelled_rows(tiny_pipeline_folder, plain, tmp_path):
    path = embedding(tmp_path / "thing.safetensors", 3, 16)
    model = load_model(str(tiny_pipeline_folder), device="cpu", embeddings=[str(path)])
    [cloud] = [each.cloud for each in model.encode(["a thing at night"])]
    assert cloud.labels[: cloud.size] == (
        "<|startoftext|>",
        "a",
        "thing",
        "thing_1",
        "thing_2",
        "at",
        "night",
        "<|endoftext|>",
    )
    rows, _ = model.pipeline.encode_prompt("a thing at night", "cpu", 1, False)
    assert torch.equal(cloud.rows, rows[0])
    assert not np.allclose(cloud.rows[2:5], plain.encode(["a thing at night"])[0].cloud.rows[2:5])


def test_the_token_of_an_embedding_can_be_chosen(tiny_pipeline_folder, tmp_path):
    path = embedding(tmp_path / "thing.safetensors", 1, 16)
    model = load_model(str(tiny_pipeline_folder), device="cpu", embeddings=[f"{path}:<cat>"])
    assert "<cat>" in model.encode(["a <cat>"])[0].cloud.labels


def test_a_token_is_given_once(tiny_pipeline_folder, tmp_path):
    path = embedding(tmp_path / "thing.safetensors", 1, 16)
    with pytest.raises(UserError, match="the tokenizer has a token 'thing' already; wanted another one: FILE:TOKEN"):
        load_model(str(tiny_pipeline_folder), device="cpu", embeddings=[str(path), str(path)])


def test_a_value_after_a_file_and_colons_in_names(tmp_path):
    assert split_option("style.safetensors:0.5") == ("style.safetensors", "0.5")
    assert split_option("owner/style") == ("owner/style", None)
    strange = tmp_path / "a:1"
    strange.touch()
    assert split_option(str(strange)) == (str(strange), None)


def other_tensors(folder):
    save_file({"x": torch.zeros(1)}, folder / "other.safetensors")
    return str(folder / "other.safetensors")


def lora_of_another_model(folder):
    weights = {f"unet.nowhere.to_k.lora_{side}.weight": torch.zeros(2, 2) for side in "AB"}
    save_file(weights, folder / "lora.safetensors")
    return str(folder / "lora.safetensors")


def lora_of_other_sizes(folder):
    layer = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_k"
    save_file({f"{layer}.lora_{side}.weight": torch.zeros(3, 3) for side in "AB"}, folder / "lora.safetensors")
    return str(folder / "lora.safetensors")


def pickle(folder):
    (folder / "style.bin").write_bytes(b"")
    return str(folder / "style.bin")


@pytest.mark.parametrize(
    ("option", "make", "message"),
    [
        ("loras", other_tensors, "is no LoRA; its tensors have other names"),
        ("loras", lora_of_another_model, "changes no layer of this StableDiffusionPipeline|does not fit"),
        ("loras", lora_of_other_sizes, "its layers have other names or sizes; it is of another model$"),
        ("loras", lambda folder: "nobody/nothing", "no file here, and the hub could not be reached or has no LoRA"),
        ("loras", pickle, "is a pickle, which could run any code; wanted .safetensors"),
        ("loras", lambda folder: "missing.safetensors", "does not exist"),
        ("loras", lambda folder: "style.safetensors:big", "wanted FILE or FILE:SCALE with a number, got 'big'"),
        ("loras", lambda folder: str(embedding(folder / "e.safetensors", 1, 16)), "is no LoRA but an embedding"),
        ("embeddings", lora_of_another_model, "is a LoRA; name it with --lora"),
        ("embeddings", lambda folder: str(embedding(folder / "e.safetensors", 1, 5)), "vectors of width 5, .* 16"),
    ],
)
def test_what_is_no_adapter_of_this_model_is_named_in_one_line(tiny_pipeline_folder, tmp_path, option, make, message):
    with pytest.raises(UserError, match=message) as raised:
        load_model(str(tiny_pipeline_folder), device="cpu", **{option: [make(tmp_path)]})
    assert "\n" not in str(raised.value)


def test_the_command_hands_adapters_over(monkeypatch):
    from click.testing import CliRunner

    from whichway.analysis.command.main import main

    seen = []
    monkeypatch.setattr(
        ModelChoice, "load", lambda self, report: seen.append(self) or (_ for _ in ()).throw(UserError("seen"))
    )
    words = "compare a b --lora x.safetensors:0.5 --lora y.safetensors --embedding z.safetensors"
    words += " --offload model --clip-skip 2"
    result = CliRunner().invoke(main, words.split())
    assert result.exit_code == 2
    [choice] = seen
    assert choice.loras == ("x.safetensors:0.5", "y.safetensors")
    assert (choice.embeddings, choice.offload, choice.clip_skip) == (("z.safetensors",), "model", 2)
