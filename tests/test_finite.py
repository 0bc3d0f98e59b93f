"""NaN and infinity are an error that says where they came from, never a black frame with a PPL of zero."""

import shutil
from contextlib import contextmanager

import pytest
import torch
from safetensors.torch import load_file, save_file

from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.finite import is_finite, require_finite_numbers
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.invariance.rewriting import relative_error
from whichway.analysis.models.model import load_model

QUICK = Sampling(num_inference_steps=2, guidance_scale=3.0)


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu")


@contextmanager
def spoilt(parameter, value):
    """Within the context, one number of a weight is another."""
    with torch.no_grad():
        before = parameter.flatten()[0].item()
        parameter.flatten()[0] = value
        yield
        parameter.flatten()[0] = before


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_one_number_among_many_is_seen(dtype, value):
    tensor = torch.zeros(3, 1000, dtype=dtype)
    assert is_finite(tensor)
    tensor[1, 7] = value
    assert not is_finite(tensor)
    with pytest.raises(UserError, match="things are not finite: 1 of 3000"):
        require_finite_numbers(tensor, "things")


def test_weights_of_a_file(tmp_path, tiny_pipeline_folder):
    folder = shutil.copytree(tiny_pipeline_folder, tmp_path / "model")
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    weights["decoder.conv_out.bias"][1] = float("nan")
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"weights 'decoder\.conv_out\.bias' of 'vae' are not finite: 1 of 3"):
        load_model(str(folder), device="cpu")


def test_weights_that_the_dtype_cannot_hold(tmp_path, tiny_pipeline_folder):
    folder = shutil.copytree(tiny_pipeline_folder, tmp_path / "model")
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    weights["conv_in.bias"][0] = 1e6
    save_file(weights, path, metadata={"format": "pt"})
    assert load_model(str(folder), device="cpu", dtype="float32")
    with pytest.raises(UserError, match=r"'conv_in\.bias' of 'unet' are not finite.*wanted --dtype float32, or bfloat"):
        load_model(str(folder), device="cpu", dtype="float16")


def test_rows_of_a_text(model):
    [norm] = [part for name, part in model.pipeline.text_encoder.named_modules() if name.endswith("final_layer_norm")]
    with spoilt(norm.weight, float("nan")), pytest.raises(UserError, match="text encoder: the prompt_embeds"):
        model.encode(["a fox that nobody encoded before"])


def test_a_conditioning_that_the_models_dtype_cannot_hold(model):
    [fox] = model.encode(["a fox"])
    large = Conditioning({"text": type(fox.cloud)(fox.cloud.rows.double() * 1e300)})
    with pytest.raises(UserError, match="conditioning of '': the numbers of 'text' are not finite"):
        model.render([large], QUICK)


def test_latents_and_the_step_that_spoilt_them(model):
    fox = model.encode(["a fox"])
    with spoilt(model.pipeline.unet.conv_out.bias, float("inf")), pytest.raises(UserError, match="after step 1 of 2"):
        model.render(fox, QUICK)
    with pytest.raises(UserError, match=r"latents after step 1 of 2, guidance 1e\+39 are not finite"):
        model.render(fox, Sampling(num_inference_steps=2, guidance_scale=1e39))
    assert model.render(fox, QUICK).std() > 0  # as it was


def test_infinity_that_the_picture_would_clamp(model):
    fox = model.encode(["a fox"])
    with spoilt(model.pipeline.vae.decoder.conv_out.bias, float("inf")), pytest.raises(UserError, match="decoder are"):
        model.render(fox, QUICK)


def test_an_invariance_check_of_nothing():
    with pytest.raises(UserError, match="outputs of the level"):
        relative_error(torch.full((2,), float("nan")), torch.ones(2))
