"""The founding claim, and that each check of it can fail."""

import json
import math
from dataclasses import replace

import psutil
import pytest
import torch
from click.testing import CliRunner

from whichway.analysis.command.main import main
from whichway.analysis.errors import UserError
from whichway.analysis.images.rendering import Sampling
from whichway.analysis.images.weighted_attention import cross_attention_layers
from whichway.analysis.invariance import check as invariance
from whichway.analysis.invariance.check import (
    check_invariance,
    features_reordered,
    positions_on_keys,
    supported_precisions,
)
from whichway.analysis.invariance.rewriting import relative_error
from whichway.analysis.models.dtypes import rounding_tolerance, sampling_tolerance
from whichway.analysis.models.model import Model, load_model

QUICK = Sampling(num_inference_steps=2)


@pytest.fixture(scope="module")
def folder(tiny_pipeline_folder):
    return str(tiny_pipeline_folder)


@pytest.fixture
def model(folder):
    return load_model(folder, device="cpu")


def check(model, precisions=("float64",), levels=("denoiser",), **options):
    return list(check_invariance(model, precisions=precisions, levels=levels, sampling=QUICK, **options))


def run(*arguments):
    return CliRunner().invoke(main, ["invariance", *map(str, arguments)])


@pytest.mark.parametrize("precision", ["float64", "float32", "bfloat16"])
def test_it_holds_at_every_level(model, precision):
    records = check(model, [precision], invariance.LEVELS)
    layers = cross_attention_layers(model.pipeline.unet)
    assert [record.level for record in records] == [*(f"layer {name}" for name in layers), "denoiser", "image"]
    for record in records:
        assert max(record.errors.values()) <= record.tolerance
        assert record.floor <= record.tolerance


def test_float64_errors_are_the_rounding_of_float64(model):
    (record,) = check(model)
    assert record.measure_invariant
    assert max(record.errors.values()) < 1e-14 < 1e-3 < record.controls["different_text"]


def test_growth_has_one_error_for_each_sampling_step(model):
    (record,) = check(model, levels=["image"])
    assert all(len(errors) == QUICK.num_inference_steps for errors in record.growth.values())
    assert record.growth["permutation"][-1] == record.errors["permutation"]


def test_attention_broken_on_purpose_is_caught(model):
    with positions_on_keys(model.pipeline.unet):
        for record in check(model, levels=invariance.LEVELS):
            assert record.errors["permutation"] > 1e3 * record.tolerance
            assert not record.permutation_invariant
            assert not record.measure_invariant


def test_attention_that_counts_rows_is_invariant_to_their_order_only(model):
    """Values scaled by the number of rows: blind to order, not a function of the measure."""
    for layer in cross_attention_layers(model.pipeline.unet).values():
        layer.to_v.register_forward_hook(lambda _, args, values: values * args[0].shape[1] / 77)
    for record in check(model, levels=("layers", "denoiser")):
        assert record.permutation_invariant
        assert record.errors["duplication"] > 1e3 * record.tolerance
        assert not record.measure_invariant


def test_a_model_that_ignores_its_text_shows_nothing(model):
    for layer in cross_attention_layers(model.pipeline.unet).values():
        torch.nn.init.zeros_(layer.to_v.weight)
    for record in check(model, levels=("denoiser", "image")):
        assert max(record.errors.values()) <= record.tolerance
        assert set(record.failed_controls) == {"different_text", "word_order", "broken_attention"}
        assert not record.permutation_invariant
        assert not record.measure_invariant


def test_each_control_is_needed(model):
    (record,) = check(model)
    assert record.measure_invariant
    for control in record.controls:
        weak = replace(record, controls=record.controls | {control: record.tolerance / 2})
        assert weak.failed_controls == [control]
        assert not weak.permutation_invariant


def test_the_model_is_left_as_it_was(model):
    before = model.fingerprint
    check(model, ["bfloat16", "float32"], ["layers", "denoiser"])
    assert load_model(model.name, device="cpu").fingerprint == before
    assert model.dtype == torch.float32
    assert Model(model.name, model.pipeline).fingerprint == before  # read anew


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


def test_tolerances_follow_from_the_precision(model):
    unet = model.pipeline.unet
    tolerances = [rounding_tolerance(unet, dtype, rows=77) for dtype in (torch.float64, torch.float32)]
    assert tolerances[1] / tolerances[0] == pytest.approx(2**29)  # 52 bits against 23
    assert rounding_tolerance(unet, torch.float32, rows=77) < rounding_tolerance(unet, torch.bfloat16, rows=77) < 0.1
    once = sampling_tolerance(1e-6, torch.float32, steps=20, guidance=1.0)
    assert once < sampling_tolerance(1e-6, torch.float32, steps=20, guidance=7.5)


def test_a_cpu_computes_in_all_but_float16():
    assert supported_precisions(torch.device("cpu")) == ("float64", "float32", "bfloat16")
    assert "float16" in supported_precisions(torch.device("cuda"))


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_says_so_and_writes_strict_json(folder, tmp_path):
    file = tmp_path / "records.json"
    result = run("--model", folder, "--precisions", "float64", "--steps", 2, "--json", file)
    assert result.exit_code == 0, result.output
    assert "holds at every level checked" in result.output
    records = json.loads(file.read_text(), parse_constant=pytest.fail)
    assert isinstance(records, list)
    for record in records:
        assert record["permutation_invariant"] is True
        assert record["measure_invariant"] is True
        assert record["architecture"].startswith("UNet2DConditionModel(")
        assert {"errors", "controls", "reason", "tolerance", "floor", "precision", "level"} <= set(record)
        assert all(math.isfinite(error) for error in record["errors"].values())


def test_a_violation_is_exit_status_1(folder, tmp_path, monkeypatch):
    honest = invariance._Check._denoise

    def broken(self, rows):
        with positions_on_keys(self.unet):
            return honest(self, rows)

    monkeypatch.setattr(invariance._Check, "_denoise", broken)
    result = run("--model", folder, "--precisions", "float64", "--levels", "denoiser")
    assert result.exit_code == 1
    assert "FAILS" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--precisions", "float8"], "unknown precision 'float8'; known: float64"),
        (["--levels", "pixels"], "unknown level 'pixels'; known: layers, denoiser, image"),
        (["--prompt", "fox fox"], "only one order of words"),
        (["--architectures", "sd1,sd99"], "unknown architecture 'sd99'; known: all, sd1, sd2"),
        (["--model", "/no/such/folder"], "does not exist"),
    ],
)
def test_bad_input_is_one_line_and_exit_status_2(folder, arguments, said):
    model = [] if "--model" in arguments else ["--model", folder]
    result = run(*model, *arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output
    assert len([line for line in result.output.splitlines() if line.startswith("Error")]) == 1


def test_what_does_not_fit_in_memory_is_refused(folder, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 1000})())
    for arguments in (["--model", folder, "--precisions", "float64"], ["--architectures", "sd15"]):
        result = run(*arguments)
        assert result.exit_code == 2
        assert "of memory is available" in result.output


def test_a_pipeline_without_text_is_refused(tmp_path):
    from diffusers import DDIMPipeline, DDIMScheduler, UNet2DModel

    unet = UNet2DModel(
        sample_size=8,
        block_out_channels=(8,),
        down_block_types=("DownBlock2D",),
        up_block_types=("UpBlock2D",),
        norm_num_groups=4,
    )
    DDIMPipeline(unet, DDIMScheduler()).save_pretrained(tmp_path)
    result = run("--model", tmp_path)
    assert result.exit_code == 2
    assert "conditioning is not one cloud of token rows" in result.output


def test_interrupted_records_are_kept(folder, tmp_path, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(invariance._Check, "_image_record", interrupted)
    file = tmp_path / "records.json"
    result = run("--model", folder, "--precisions", "float64", "--levels", "denoiser,image", "--json", file)
    assert result.exit_code == 130
    assert [record["level"] for record in json.loads(file.read_text())] == ["denoiser"]


def test_an_unknown_precision_is_a_user_error_in_python_too(model):
    with pytest.raises(UserError, match="unknown precision"):
        check(model, ["float8"])
