"""The command as a user meets it: files, resumption, and one line for every mistake."""

import json
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from io import BytesIO

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import save_file

import whichway.geometry
from whichway.analysis.clouds.ground_metrics import read_cross_attention
from whichway.analysis.command.main import main
from whichway.analysis.command.options import MODEL, SAMPLING
from whichway.analysis.errors import UserError
from whichway.analysis.images.altered_attention import positions_on_keys
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.paths import conditioning_path
from whichway.analysis.runs import frame_renderer
from whichway.analysis.runs.comparison_settings import ComparisonSettings
from whichway.analysis.runs.method_results import coupled_length
from whichway.analysis.runs.saved_comparison import read_comparison
from whichway.analysis.vocabulary import GROUNDS, PARAMETRISATIONS, POOLED
from whichway.geometry import COUPLINGS, METHODS, TOKENS, Cosine

FOX, PANDA = "a large fox on a blue background", "a panda on a pink background"


@pytest.fixture
def run(tiny_pipeline_folder, tmp_path):
    """Run ``whichway compare`` on the tiny pipeline into tmp_path/run; options given win."""

    def compare(*prompts_and_options: str):
        options = ["--model", str(tiny_pipeline_folder), "--steps", "2", "--frames", "3", "--device", "cpu"]
        arguments = ["compare", *options, "--out", str(tmp_path / "run"), *prompts_and_options]
        return CliRunner().invoke(main, arguments)

    return compare


def frames_of(folder):
    return sorted((folder / "run" / "frames").glob("[0-9a-f]*.png"))


def test_a_run_writes_everything_and_says_where(run, tmp_path):
    result = run(FOX, PANDA)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "run"
    for name in ("filmstrips.png", "steps.png", "projection.png", "coupling.png", "metrics.json", "manifest.json"):
        assert (folder / name).is_file()
    for name in ("filmstrips.png", "steps.png", "projection.png", "coupling.png"):
        assert name in result.output
        with Image.open(folder / name) as picture:
            assert np.asarray(picture.convert("L")).std() > 5  # something is drawn
    index = json.loads((folder / "frames.json").read_text())
    assert {name: len(frames) for name, frames in index.items()} == {
        "prompts": 2,
        **dict.fromkeys(("identity", "random", "optimal", "slerp"), 3),
    }
    addresses = {address for frames in index.values() for address in frames.values()}
    assert {path.stem for path in frames_of(tmp_path)} == addresses
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["settings"]["prompt_a"], manifest["settings"]["prompt_b"]) == (FOX, PANDA)
    assert len(manifest["model"]["model_sha256"]) == 64
    assert manifest["scheduler"]["class"] == "DDIMScheduler"
    assert "every path ends in the image of B" in result.output


def test_measured_values_are_consistent(run, tmp_path):
    run(FOX, PANDA)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    distances = metrics["distances"]
    assert distances["centroid"] <= distances["wasserstein"] <= distances["rms_frobenius"]
    for method in metrics["methods"].values():
        assert len(method["steps"]) == 2
        assert method["smoothness"]["ppl"] == pytest.approx(sum(method["steps"]))
        assert method["endpoint_error"] <= 1
    assert metrics["methods"]["optimal"]["length"] == pytest.approx(distances["wasserstein"])
    assert metrics["methods"]["identity"]["length"] == pytest.approx(distances["rms_frobenius"])


def test_constant_speed_refuses_a_path_without_a_length_in_w2_in_one_line(run):
    result = run(FOX, PANDA, "--methods", "optimal,mixture@constant-speed")
    assert result.exit_code == 2
    assert "method 'mixture@constant-speed': constant speed in W_2: on this path mass goes over" in result.output


def test_times_by_a_beta_prior_are_the_quantiles(run, tmp_path):
    run(FOX, PANDA, "--methods", "aid-outer@beta,mixture", "--steps", "2", "--frames", "4")
    methods = json.loads((tmp_path / "run" / "metrics.json").read_text())["methods"]
    times = methods["aid-outer@beta"]["t"]
    assert [3 * t**2 - 2 * t**3 for t in times] == pytest.approx([0, 1 / 3, 2 / 3, 1], abs=1e-5)  # of Beta(2, 2)
    assert methods["mixture"]["length"] is None


def test_a_finished_run_can_be_drawn_again_without_its_model(run, tmp_path, monkeypatch):
    run(FOX, PANDA, "--methods", "identity,optimal,mixture@perceptual")
    monkeypatch.setattr(ModelChoice, "load", lambda *_: pytest.fail("the model is loaded"))
    saved = read_comparison(tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    start, end = saved.rendered.ends
    assert (start.source, end.source) == (FOX, PANDA)
    assert whichway.geometry.wasserstein(start.cloud, end.cloud) == pytest.approx(metrics["distances"]["wasserstein"])
    for name, method in metrics["methods"].items():
        assert (saved.rendered.times[name], saved.results[name].smoothness.ppl) == (
            method["t"],
            method["smoothness"]["ppl"],
        )
        assert len(saved.rendered.clouds["text"][name]) == len(saved.rendered.frames[name]) == 3
    (tmp_path / "run" / "metrics.json").unlink()
    with pytest.raises(UserError, match="holds no finished comparison"):
        read_comparison(tmp_path / "run")


def test_an_end_that_is_another_image_fails_the_check(run, monkeypatch, tmp_path):
    """Paths that end in A instead of B are caught; it is said, recorded, and the exit status."""
    real = conditioning_path.build_path

    def broken(name, a, b, **options):
        return real(name, a, a, **options)

    monkeypatch.setattr(conditioning_path, "build_path", broken)
    result = run(FOX, "pizza")
    assert result.exit_code == 1
    assert "endpoint check FAILED: identity ends in another image than B's" in result.output
    check = json.loads((tmp_path / "run" / "metrics.json").read_text())["endpoint_check"]
    assert not check["passed"]
    assert min(check["errors"].values()) > check["tolerance"]


def test_a_model_that_sees_the_order_of_rows_fails_the_check(run, monkeypatch, tmp_path):
    """Attention broken on purpose: keys are turned by their place. A path that permutes B's rows ends elsewhere."""
    load = ModelChoice.load
    with ExitStack() as broken:

        def load_broken(choice, *report):
            model = load(choice, *report)
            broken.enter_context(positions_on_keys(model.denoiser))
            return model

        monkeypatch.setattr(ModelChoice, "load", load_broken)
        result = run(FOX, PANDA, "--methods", "identity,random", "--guidance", "7.5")
    assert result.exit_code == 1, result.output
    assert "endpoint check FAILED: random ends in another image than B's" in result.output
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["endpoint_check"]["errors"]["identity"] == 0


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_passes_the_endpoint_check_with_its_own_tolerance(run, dtype):
    assert "every path ends in the image of B" in run(FOX, PANDA, "--dtype", dtype, "--methods", "random").output


def test_the_same_command_again_renders_nothing(run, tmp_path):
    run(FOX, PANDA)
    before = {path: path.stat().st_mtime_ns for path in frames_of(tmp_path)}
    result = run(FOX, PANDA)
    assert "0 to render" in result.output
    assert {path: path.stat().st_mtime_ns for path in frames_of(tmp_path)} == before


def test_an_interrupted_run_keeps_its_frames_and_is_continued(run, tmp_path, monkeypatch):
    whole = run(FOX, PANDA)
    finished = {path: path.read_bytes() for path in frames_of(tmp_path)}
    assert whole.exit_code == 0
    shutil.rmtree(tmp_path / "run")
    real = frame_renderer.render_each

    def interrupted(*arguments, **options):
        for count, picture in enumerate(real(*arguments, **options)):
            if count == 3:
                raise KeyboardInterrupt
            yield picture

    with monkeypatch.context() as patch:
        patch.setattr(frame_renderer, "render_each", interrupted)
        result = run(FOX, PANDA)
    assert result.exit_code == 130
    assert "the same command continues" in result.output
    kept = frames_of(tmp_path)
    assert 3 <= len(kept) < len(finished)

    result = run(FOX, PANDA)
    assert result.exit_code == 0
    assert "3 there" in result.output
    assert frames_of(tmp_path) == sorted(finished)
    for path, content in finished.items():
        difference = np.asarray(Image.open(path)).astype(int) - np.asarray(Image.open(BytesIO(content)))
        assert np.abs(difference).max() <= 1


def test_a_killed_run_loses_no_finished_frame(run, tmp_path, tiny_pipeline_folder):
    options = ["--model", str(tiny_pipeline_folder), "--steps", "2", "--frames", "40", "--device", "cpu"]
    command = [sys.executable, "-c", "from whichway.analysis.command.main import main; main()", "compare", *options]
    process = subprocess.Popen([*command, "--out", str(tmp_path / "run"), FOX, PANDA], stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None and len(frames_of(tmp_path)) < 5:
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    kept = {path: path.read_bytes() for path in frames_of(tmp_path)}
    assert 5 <= len(kept) < 4 * 38

    assert run(FOX, PANDA, "--frames", "40").exit_code == 0
    index = json.loads((tmp_path / "run" / "frames.json").read_text())
    assert {path.stem for path in frames_of(tmp_path)} == {at for frames in index.values() for at in frames.values()}
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_damaged_frame_is_rendered_anew(run, tmp_path):
    run(FOX, PANDA)
    index = json.loads((tmp_path / "run" / "frames.json").read_text())
    victim = tmp_path / "run" / "frames" / f"{index['random']['0.500000']}.png"
    whole = np.asarray(Image.open(victim)).copy()
    victim.write_bytes(victim.read_bytes()[:40])
    assert "1 to render" in run(FOX, PANDA).output
    assert np.abs(np.asarray(Image.open(victim)).astype(int) - whole).max() <= 1


def test_more_frames_reuse_the_ones_that_are_there(run):
    run(FOX, PANDA)
    assert "8 to render" in run(FOX, PANDA, "--frames", "5").output  # 4 methods × the two new times


def test_another_perceptual_distance_renders_nothing(run, tmp_path):
    run(FOX, PANDA)
    result = run(FOX, PANDA, "--perceptual-distance", "ssim")
    assert "0 to render" in result.output
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["perceptual_distance"] == "ssim"


def test_a_folder_of_another_run_is_refused(run):
    run(FOX, PANDA)
    result = run(FOX, PANDA, "--seed", "1")
    assert result.exit_code == 2
    assert "holds a run of other settings (seed: 0 there, 1 here)" in result.output


def test_identical_prompts_have_lengths_of_zero_and_no_ratios(run, tmp_path):
    result = run(FOX, FOX, "--methods", "identity,optimal,slerp")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "run" / "metrics.json").read_text()
    assert "NaN" not in text
    for method in json.loads(text)["methods"].values():
        assert {name: value for name, value in method["smoothness"].items() if value is not None} == {
            "ppl": 0,
            "energy": 0,
            "consistency": 0,
        }


def test_the_empty_prompt_is_legitimate(run):
    assert run("", PANDA, "--methods", "optimal").exit_code == 0


def test_prompts_may_hold_anything(run, tmp_path):
    result = run("a $fox$ [bold]\\frac{ <b>&", "näive 猫 " + "very " * 100, "--methods", "optimal,slerp")
    assert result.exit_code == 0, result.output
    assert "Warning: prompt truncated" in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--frames", "1"], "frames: wanted 2 to 100,000, got 1"),
        (["--seed", "-1"], "seed: wanted at least 0 (and below 2^63), got -1"),
        (["--steps", "0"], "num_inference_steps: wanted at least 1 (and below 2^63), got 0"),
        (["--guidance", "nan"], "guidance_scale: wanted a finite number"),
        (["--methods", "teleport"], "methods: unknown method 'teleport'; known: identity, random, optimal, slerp"),
        (["--methods", "optimal+teleport"], "methods: unknown path 'teleport' in 'optimal+teleport'; known: disp"),
        (["--methods", "partial+displacement"], "method 'partial+displacement': the displacement path needs"),
        (["--height", "100"], "height: wanted a multiple of 8 pixels, 16384 at most, got 100"),
        (["--ground", "flat"], "'--ground': 'flat' is not one of 'euclidean', 'cosine', 'cross-attention'"),
        (["--pooled", "start"], "pooled: 'start', but this model's texts have no pooled vector; leave it out"),
        (["--methods", "optimal@end"], "pooled: 'end', but this model's texts have no pooled vector; leave it out"),
        (["--tokens", "some"], "'--tokens': 'some' is not one of 'all', 'own', 'words'"),
        (["--parametrisation", "odd"], "'odd' is not one of 'uniform', 'constant-speed', 'beta', 'perceptual'"),
        (["--scheduler", "magic"], "'--scheduler': 'magic' is not one of 'own', 'ddim', 'dpm', 'euler'"),
        (["--dtype", "int4"], "'--dtype': 'int4' is not one of 'auto', 'float64', 'float32'"),
        (["--methods", ","], "methods: wanted names separated by commas, got"),
        (["--perceptual-distance", "psychic"], "'psychic' is not one of 'lpips', 'efficientnet', 'ssim', 'flip'"),
        (["--model", "no/such-model"], "the hub could not be reached or has no pipeline of that id"),
        (["--device", "cuda"], "device 'cuda' is not available here"),
        (["--out", "/dev/null/run"], "cannot write '/dev/null/run'"),
    ],
)
def test_a_mistake_gets_one_line_and_status_2(run, monkeypatch, options, message):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    result = run(FOX, PANDA, *options)
    assert result.exit_code == 2
    last = result.output.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    assert message in last


def command_options(name):
    return {parameter.name: parameter for parameter in main.commands[name].params}


@pytest.mark.parametrize("command", ["compare", "animate", "barycenter", "map", "study"])
def test_every_command_that_renders_offers_the_model_and_the_sampling(command):
    offered = command_options(command)
    assert set(MODEL) <= set(offered)
    assert set(SAMPLING) - {"seed"} <= set(offered)
    text = " ".join(CliRunner().invoke(main, [command, "--help"]).output.split())
    assert "euler-ancestral" in text
    for option in ("--negative", "--height", "--dtype", "--variant", "--guidance-scale", "--num-inference-steps"):
        assert option in text


def test_defaults_are_those_of_the_python_api():
    offered, settings = command_options("compare"), ComparisonSettings("a", "b")
    assert {name: offered[name].default for name in SAMPLING} == asdict(Sampling())
    assert {name: offered[name].default for name in MODEL} == asdict(ModelChoice())
    for name in ("ground", "tokens", "parametrisation", "pooled", "frames", "perceptual_distance", "projection"):
        assert offered[name].default == getattr(settings, name)
    assert tuple(offered["methods"].default.split(",")) == settings.methods


@pytest.mark.parametrize("command", ["compare", "animate", "study"])
def test_every_command_that_goes_along_a_path_offers_how_a_pooled_vector_moves(command):
    assert list(command_options(command)["pooled"].type.choices) == [*POOLED]


def test_help_does_not_load_torch():
    code = (
        "import sys; from whichway.analysis.command.main import main; "
        "main(['compare', '--help'], standalone_mode=False); "
        "sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_every_method_ends_in_the_image_of_b(run, tmp_path):
    result = run(FOX, PANDA, "--methods", ",".join(METHODS), "--guidance", "1")
    assert result.exit_code == 0, result.output
    assert "every path ends in the image of B" in result.output
    assert set(json.loads((tmp_path / "run" / "metrics.json").read_text())["methods"]) == set(METHODS)


@pytest.mark.parametrize("ground", ["cosine", "cross-attention"])
def test_other_ground_metrics_choose_other_couplings(run, tmp_path, monkeypatch, ground):
    monkeypatch.setenv("WHICHWAY_CACHE", str(tmp_path / "cache"))
    result = run(FOX, PANDA, "--methods", "optimal", "--ground", ground, "--tokens", "words")
    assert result.exit_code == 0, result.output
    assert "every path ends in the image of B" in result.output
    assert len(list((tmp_path / "cache").glob("*.npy"))) == (ground == "cross-attention")
    monkeypatch.setattr(ModelChoice, "load", lambda *_: pytest.fail("the model is loaded"))
    saved = read_comparison(tmp_path / "run")
    metric = Cosine() if ground == "cosine" else read_cross_attention(tmp_path / "run" / "ground.safetensors")
    path, result = saved.rendered.paths["optimal"], saved.results["optimal"]
    assert coupled_length(path.cloud, metric) == pytest.approx(result.length)
    if ground == "cross-attention":
        kept = tmp_path / "run" / "ground.safetensors"
        for factor in (torch.full((16, 16), torch.nan), torch.ones(16), torch.eye(16, dtype=torch.int64), torch.eye(8)):
            save_file({"factor": factor}, kept)
            with pytest.raises(UserError, match=r"damaged one; run the command again|of rows of width 8"):
                read_comparison(tmp_path / "run")
        kept.write_bytes(b"damaged")
        with pytest.raises(UserError, match="has a damaged one; run the command again"):
            read_comparison(tmp_path / "run")


def test_a_run_of_another_ground_metric_is_refused(run):
    run(FOX, PANDA)
    result = run(FOX, PANDA, "--ground", "cosine")
    assert result.exit_code == 2
    assert "ground: 'euclidean' there, 'cosine' here" in result.output


@pytest.mark.parametrize("parametrisation", ["constant-speed", "perceptual"])
def test_other_parametrisations_choose_other_times(run, tmp_path, parametrisation):
    options = [
        "--methods",
        "random",
        "--frames",
        "4",
        "--perceptual-distance",
        "ssim",
        "--parametrisation",
        parametrisation,
    ]
    result = run(FOX, "pizza", *options)
    assert result.exit_code == 0, result.output
    method = json.loads((tmp_path / "run" / "metrics.json").read_text())["methods"]["random"]
    assert method["t"][0] == 0
    assert method["t"][-1] == 1
    assert method["t"] == sorted(method["t"])
    assert len(method["steps"]) == 3
    again = run(FOX, "pizza", *options)
    assert "0 rendered" in again.output


def test_methods_lists_everything_in_one_line_each():
    lines = CliRunner().invoke(main, ["methods"]).output.splitlines()
    for name in (*METHODS, *COUPLINGS, *TOKENS, *GROUNDS, *PARAMETRISATIONS, *POOLED):
        assert any(line.split()[:1] == [name] for line in lines), name
