"""The address of a frame changes with everything that its pixels depend on, and with nothing else."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.conftest import random_cloud
from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.images.rendering import render
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.images.travelling_noise import NoisePoint, with_noise
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.model import load_model
from whichway.analysis.prompts.encoding import encode
from whichway.analysis.runs import frame_address
from whichway.analysis.runs.comparison import compare
from whichway.analysis.runs.comparison_settings import ComparisonSettings
from whichway.analysis.runs.frame_address import FrameAddresses
from whichway.geometry import PointCloud, build_path

A, B = random_cloud(7, 16, 0, weighted=True), random_cloud(7, 16, 1)
ORDER = [3, 0, 6, 1, 5, 2, 4]
FAST = Sampling(num_inference_steps=2)


@pytest.fixture
def folder(tiny_pipeline_folder, tmp_path):
    """A copy of the tiny pipeline, to be changed."""
    return shutil.copytree(tiny_pipeline_folder, tmp_path / "model")


@pytest.fixture
def model(folder):
    return load_model(str(folder), device="cpu")


def address(model, cloud=B, sampling=FAST):
    return FrameAddresses(model, sampling).of(Conditioning({"text": cloud}))


def comparison_settings(folder, frames):
    return ComparisonSettings(
        "a fox",
        "a panda",
        ("optimal",),
        frames=frames,
        perceptual_distance="ssim",
        model=ModelChoice(str(folder), "cpu"),
        sampling=FAST,
    )


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_it_is_short_and_the_same_for_the_same(model, folder):
    again = load_model(str(folder), device="cpu")
    assert address(model) == address(again)
    assert len(address(model, build_path("entropic", A, B)(0.5))) == 64


def test_rows_their_order_and_their_weights_count(model):
    clouds = [A, A.take(ORDER), B, PointCloud(A.rows, A.weights[ORDER]), build_path("optimal", A, B)(0.5)]
    assert len({address(model, cloud) for cloud in clouds}) == len(clouds)


def test_a_negative_prompt_of_its_own_counts_where_it_is_another(model):
    guided = replace(FAST, guidance_scale=3.0, negative_prompt="a house")
    addresses, plain = FrameAddresses(model, guided), Conditioning({"text": B})
    same, other = (replace(plain, negative=model.encode_negative(prompt)) for prompt in ("a house", "a lemon"))
    assert addresses.of(plain) == addresses.of(same) != addresses.of(other)
    assert addresses.of(other) == FrameAddresses(model, replace(guided, negative_prompt="a lemon")).of(plain)


def test_what_a_cloud_came_from_does_not_count(model):
    named = PointCloud(B.rows, labels=tuple("abcdefg"), size=3, source="a fox")
    assert address(model, named) == address(model)
    scaled = PointCloud(B.rows, torch.full((7,), 5.0, dtype=torch.float64))
    assert address(model, scaled) == address(model)  # all rows weigh the same: the model sees no weights


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"num_inference_steps": 3},
        {"guidance_scale": 4.0},
        {"negative_prompt": "a panda"},
        {"height": 24},
        {"width": 24},
        {"scheduler": "euler"},
    ],
)
def test_every_sampling_setting_counts(model, change):
    assert address(model, sampling=replace(FAST, **change)) != address(model)


def test_ends_that_a_frame_attends_to_count(model):
    uniform = PointCloud(A.rows)
    path = build_path("aid-inner", uniform, B)
    clouds = [path(0.5), path(0.25), build_path("aid-outer", uniform, B)(0.5), build_path("identity", uniform, B)(0.5)]
    assert len({address(model, cloud) for cloud in clouds}) == len(clouds)


def test_each_part_of_what_a_frame_attends_to_counts_by_itself(model):
    cloud = build_path("aid-inner", PointCloud(A.rows), B)(0.5)
    others = [
        replace(cloud, ends=(cloud.ends[0], A)),
        replace(cloud, t=0.25),
        replace(cloud, kind="outer"),
        replace(cloud, ends=()),
    ]
    assert len({address(model, each) for each in (cloud, *others)}) == 5


def test_rows_count_to_the_last_bit_that_the_model_gets(model):
    """And the same numbers as another matrix are other rows."""
    nearly = PointCloud(B.rows * (1 + 1e-6))
    assert address(model, nearly) != address(model)
    addresses, reshaped = FrameAddresses(model, FAST), PointCloud(B.rows.reshape(14, 8))
    one, other = (addresses.of(Conditioning({"text": cloud}, {"text": 7.0})) for cloud in (B, reshaped))
    assert one != other
    beyond = PointCloud(B.rows.float().double())
    assert address(model, PointCloud(beyond.rows * (1 + 1e-12))) == address(model, beyond)


def test_where_its_noise_is_between_two_seeds_counts(model):
    addresses, plain = FrameAddresses(model, FAST), Conditioning({"text": B})
    noises = [NoisePoint(*ends, t) for ends in ((3, 8), (3, 9), (4, 8)) for t in (0.25, 0.5)]
    assert len({addresses.of(with_noise(plain, noise)) for noise in noises}) == 6


def test_masses_and_vectors_count(model):
    addresses = FrameAddresses(model, FAST)
    conditionings = [
        Conditioning({"text": B}),
        Conditioning({"text": B}, {"text": 14.0}),
        Conditioning({"text": B}, vectors={"pooled": torch.ones(3)}),
        Conditioning({"text": B}, vectors={"pooled": torch.zeros(3)}),
        Conditioning({"text": B}, vectors={"size": torch.zeros(3)}),
        Conditioning({"text": B, "other": B}),
    ]
    assert len({addresses.of(conditioning) for conditioning in conditionings}) == len(conditionings)


def test_an_adapter_that_changes_weights_after_the_first_look_counts(model):
    before, layer = address(model), model.denoiser.conv_in
    with torch.no_grad():
        layer.weight += 0.1  # as fusing a LoRA does
    written = address(model)
    layer.weight = torch.nn.Parameter(layer.weight * 2)  # as replacing a layer does
    assert len({before, written, address(model)}) == 3
    layer.scaling, layer.active_adapters = {"style": 0.5}, ["style"]  # as PEFT keeps it
    half = address(model)
    layer.scaling = {"style": 1.0}
    assert half != address(model)


def test_versions_of_what_renders_count(model, monkeypatch):
    before = address(model)
    monkeypatch.setattr(frame_address, "versions", lambda packages: dict.fromkeys(packages, "0.0"))
    assert address(model) != before


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("vae/config.json", {"scaling_factor": 0.3}),
        ("tokenizer/tokenizer_config.json", {"model_max_length": 20}),
        ("tokenizer/tokenizer_config.json", {"pad_token": "<|startoftext|>"}),
        ("scheduler/scheduler_config.json", {"timestep_spacing": "trailing"}),
    ],
)
def test_a_model_whose_configuration_changed_is_another_model(model, folder, file, changes, tmp_path):
    """And a folder with frames of the one is not continued with the other."""
    settings = comparison_settings(folder, frames=2)
    compare(settings, out=tmp_path / "run", model=model)
    before = address(model)
    edit(folder / file, **changes)
    changed = load_model(str(folder), device="cpu")
    assert address(changed) != before
    with pytest.raises(UserError, match=r"holds a run of other settings \(other model_sha256\)"):
        compare(settings, out=tmp_path / "run", model=changed)


def test_another_negative_prompt_is_another_run(model, folder, tmp_path):
    settings = comparison_settings(folder, frames=2)
    compare(settings, out=tmp_path / "run", model=model)
    other = replace(settings, sampling=replace(FAST, negative_prompt="a panda"))
    with pytest.raises(UserError, match="negative_prompt: None there, 'a panda' here"):
        compare(other, out=tmp_path / "run", model=model)


def test_a_path_that_the_toolkit_computes_otherwise_is_rendered_anew(model, folder, tmp_path, monkeypatch):
    """As after an upgrade of POT: the same prompts and settings, another coupling."""
    from whichway.analysis.paths import conditioning_path

    settings = comparison_settings(folder, frames=3)
    compare(settings, out=tmp_path / "run", model=model)
    real = conditioning_path.build_path
    monkeypatch.setattr(conditioning_path, "build_path", lambda name, a, b, **options: real("random", a, b, **options))
    again = compare(settings, out=tmp_path / "run", model=model)
    assert again.rendered == 2  # halfway, and B in another order
    path = real("random", *(encode(model, prompt) for prompt in ("a fox", "a panda")))
    [wanted] = render(model, [path(0.5)], FAST)
    from whichway.analysis.runs.saved_comparison import read_comparison

    monkeypatch.undo()
    shown = read_comparison(tmp_path / "run").rendered.frames["optimal"][1]
    assert np.abs(shown.astype(int) - wanted).max() <= 1
