"""``whichway invariance``: what it prints and writes, and its exit status."""

import functools
import json
import math

import psutil
import pytest
from click.testing import CliRunner
from diffusers import StableDiffusionPipeline

from whichway.analysis.command.main import main
from whichway.analysis.images.altered_attention import positions_on_keys
from whichway.analysis.models import model as model_module
from whichway.analysis.models.model import load_model


@pytest.fixture(scope="module")
def folder(tiny_pipeline_folder):
    return str(tiny_pipeline_folder)


def run(*arguments):
    return CliRunner().invoke(main, ["invariance", *map(str, arguments)])


def test_the_command_says_so_and_writes_strict_json(folder, tmp_path):
    file = tmp_path / "records.json"
    result = run("--model", folder, "--dtypes", "float64", "--steps", 2, "--json", file)
    assert result.exit_code == 0, result.output
    assert "holds at every level checked" in result.output
    records = json.loads(file.read_text(), parse_constant=pytest.fail)
    assert isinstance(records, list)
    for record in records:
        assert record["permutation_invariant"] is True
        assert record["measure_invariant"] is True
        assert record["architecture"].startswith("UNet2DConditionModel(")
        assert {"errors", "controls", "reason", "tolerance", "floor", "dtype", "level"} <= set(record)
        assert all(math.isfinite(error) for error in record["errors"].values())


def test_a_violation_is_exit_status_1(folder, monkeypatch):
    model = load_model(folder, device="cpu")
    monkeypatch.setattr(model_module, "load_model", lambda *_, **__: model)
    with positions_on_keys(model.pipeline.unet):
        result = run("--model", folder, "--dtypes", "float64", "--levels", "denoiser")
    assert result.exit_code == 1
    assert "FAILS" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dtypes", "float8"], "unknown dtype 'float8'; known: float64"),
        (["--levels", "pixels"], "unknown level 'pixels'; known: layers, denoiser, image"),
        (["--prompt", "fox fox"], "only one order of words"),
        (["--architectures", "sd1,sd99"], "unknown architecture 'sd99'; known: all, sd1, sd2"),
        (["--model", "/no/such/folder"], "does not exist"),
    ],
)
def test_bad_input_is_one_line_and_exit_status_2(folder, arguments, message):
    model = [] if "--model" in arguments else ["--model", folder]
    result = run(*model, *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output
    assert len([line for line in result.output.splitlines() if line.startswith("Error")]) == 1


def test_what_does_not_fit_in_memory_is_refused(folder, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 1000})())
    for arguments in (["--model", folder, "--dtypes", "float64"], ["--architectures", "sd15"]):
        result = run(*arguments)
        assert result.exit_code == 2
        assert "of memory" in result.output


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
    assert "is a DDIMPipeline (unet UNet2DModel), which is of no family" in result.output


def test_interrupted_records_are_kept(folder, tmp_path, monkeypatch):
    original = StableDiffusionPipeline.__call__

    @functools.wraps(original)  # the toolkit looks at its signature
    def interrupted(self, **options):
        if "negative_prompt_embeds" in options:  # the image is guided; the denoiser before it was not
            raise KeyboardInterrupt
        return original(self, **options)

    monkeypatch.setattr(StableDiffusionPipeline, "__call__", interrupted)
    file = tmp_path / "records.json"
    result = run("--model", folder, "--dtypes", "float64", "--levels", "denoiser,image", "--json", file)
    assert result.exit_code == 130
    assert [record["level"] for record in json.loads(file.read_text())] == ["denoiser"]
