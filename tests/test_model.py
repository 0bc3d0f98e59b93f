"""Loading, encoding, rendering: on a pipeline of Stable Diffusion's classes with random weights."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.ldm_format import single_file_weights
from whichway.analysis.errors import UserError
from whichway.analysis.images.noise import initial_noise
from whichway.analysis.images.rendering import render
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.images.schedulers import CLASSES, scheduled
from whichway.analysis.models.model import Model, load_model
from whichway.analysis.prompts.encoding import TruncationWarning, encode
from whichway.analysis.vocabulary import SCHEDULERS
from whichway.geometry import PointCloud, build_path

FAST = Sampling(num_inference_steps=2)
PROMPT = "a large fox on a blue background"


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu")


def test_a_prompt_becomes_a_cloud_of_77_labelled_rows(model):
    cloud = encode(model, PROMPT)
    assert cloud.rows.shape == (77, 16)
    assert cloud.labels[: cloud.size] == ("<|startoftext|>", *PROMPT.split(), "<|endoftext|>")
    assert set(cloud.labels[cloud.size :]) == {"<|endoftext|>"}
    assert cloud.source == PROMPT


def test_rows_are_the_pipelines_own_conditioning(model):
    wanted, _ = model.pipeline.encode_prompt("a panda", "cpu", 1, False)
    assert torch.equal(encode(model, "a panda").rows, wanted[0])


def test_the_empty_prompt_is_legitimate(model):
    assert encode(model, "").size == 2


def test_a_truncated_prompt_says_so(model):
    with pytest.warns(TruncationWarning, match="102 tokens, the text encoder has 77 positions; the last 25"):
        cloud = encode(model, "fox " * 100)
    assert (len(cloud), cloud.size) == (77, 77)


def test_images_are_the_pipelines_own(model):
    """Rendering in batches through clouds gives what plain diffusers gives for the prompt."""
    noise = initial_noise(model, 5)
    plain = model.pipeline("a fox", latents=noise, num_inference_steps=2, guidance_scale=7.5, output_type="np").images
    ours = render(
        model, [encode(model, prompt) for prompt in ("a fox", "a cat")], Sampling(seed=5, num_inference_steps=2)
    )
    assert np.abs(ours[0].astype(int) - (plain[0] * 255).round()).max() <= 1
    assert ours.shape == (2, 16, 16, 3)
    assert ours.dtype == np.uint8


def test_noise_depends_on_the_seed_and_not_on_the_batch(model):
    cloud = encode(model, "a fox")
    together = render(model, [cloud] * 3, FAST, batch_size=3)
    alone = render(model, [cloud], FAST, batch_size=1)
    assert np.abs(together.astype(int) - alone).max() <= 1
    assert np.abs(render(model, [cloud], Sampling(seed=1, num_inference_steps=2)).astype(int) - alone).max() > 20


def test_permuted_rows_render_the_same_image_and_another_text_does_not(model):
    a, b = encode(model, "a fox on a blue background"), encode(model, "pizza")
    shuffled = build_path("random", a, a, seed=1)(1)
    assert not torch.equal(shuffled.rows, a.rows)
    image, permuted, other = render(model, [a, shuffled, b], FAST).astype(int)
    assert np.abs(image - permuted).max() <= 1
    assert np.abs(image - other).max() > 1


def test_every_frame_is_reported(model):
    seen = []
    render(model, [encode(model, "")] * 5, FAST, batch_size=2, on_frame=lambda: seen.append(1))
    assert len(seen) == 5


def test_clouds_of_another_width_are_refused(model):
    with pytest.raises(UserError, match=r"\(3, 5\); .* rows of width 16"):
        render(model, [PointCloud(torch.ones(3, 5))], FAST)


def test_fingerprint_tells_weights_apart(model, tiny_pipeline_folder):
    again = load_model(str(tiny_pipeline_folder), device="cpu")
    assert again.fingerprint == model.fingerprint
    with torch.no_grad():
        again.pipeline.unet.conv_in.bias[0] += 1
    changed = load_model(str(tiny_pipeline_folder), device="cpu")
    changed.pipeline.unet.load_state_dict(again.pipeline.unet.state_dict())
    assert changed.fingerprint != model.fingerprint


def test_bfloat16_is_honoured(tiny_pipeline_folder):
    model = load_model(str(tiny_pipeline_folder), device="cpu", dtype="bfloat16")
    assert model.dtype == torch.bfloat16
    assert render(model, [encode(model, "a fox")], FAST).shape == (1, 16, 16, 3)


@pytest.fixture
def hub_cache(monkeypatch, tmp_path, tiny_pipeline_folder):
    """A hub cache on disk, to which the tiny pipeline can be added under any id."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))

    def add(hub_id: str) -> None:
        repository = tmp_path / "hub" / f"models--{hub_id.replace('/', '--')}"
        (repository / "refs").mkdir(parents=True)
        (repository / "refs" / "main").write_text("0" * 40)
        shutil.copytree(tiny_pipeline_folder, repository / "snapshots" / ("0" * 40))

    return add


def test_a_hub_id_is_found_in_the_local_cache_without_a_network(hub_cache, model):
    hub_cache("someone/tiny")
    cached = load_model("someone/tiny", device="cpu")
    assert cached.name == "someone/tiny"
    assert cached.fingerprint == model.fingerprint


def test_a_single_file_checkpoint_is_the_same_model(hub_cache, tmp_path, model):
    """In CompVis' layout, read by diffusers with the configuration that it finds for Stable Diffusion 1.x."""
    hub_cache("stable-diffusion-v1-5/stable-diffusion-v1-5")
    checkpoint = tmp_path / "tiny.safetensors"
    save_file(single_file_weights(model.pipeline), checkpoint)
    assert load_model(str(checkpoint), device="cpu").fingerprint == model.fingerprint


def write_text(folder):
    path = folder / "notes.safetensors"
    path.write_text("not a checkpoint")
    return path


def write_other_tensors(folder):
    path = folder / "other.safetensors"
    save_file({"x": torch.zeros(1)}, path)
    return path


def make_empty_folder(folder):
    path = folder / "empty"
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: "no/such-model", "not a folder or file here, and the hub could not be reached"),
        (
            lambda folder: folder / "nothing-here",
            "does not exist and is no hub id either; wanted 'miniature', 'miniature-second', a hub id",
        ),
        (lambda folder: folder / "missing.safetensors", "does not exist"),
        (make_empty_folder, "has no model_index.json"),
        (write_text, "is damaged, or no safetensors file"),
        (write_other_tensors, "holds no denoiser under a name that is known"),
    ],
)
def test_what_is_not_a_model_is_named_in_one_line(tmp_path, make, message):
    with pytest.raises(UserError, match=message) as raised:
        load_model(str(make(tmp_path)), device="cpu")
    assert "\n" not in str(raised.value)


def test_unknown_devices_and_dtypes_are_named():
    with pytest.raises(UserError, match="device: unknown 'abacus'; known: auto, cpu"):
        load_model(device="abacus")
    with pytest.raises(UserError, match="dtype: unknown 'int4'; known: auto, float64, float32"):
        load_model(device="cpu", dtype="int4")


SCHEDULERS_NEAR = [name for name in SCHEDULERS if name not in ("own", "euler-ancestral")]


@pytest.mark.parametrize("scheduler", SCHEDULERS_NEAR)
def test_other_schedulers_reach_a_near_image_and_leave_the_models_own_in_place(model, scheduler):
    own = model.pipeline.scheduler
    cloud = encode(model, "a fox")
    sampling = Sampling(num_inference_steps=30, guidance_scale=1.0)
    images = [render(model, [cloud], each).astype(int) for each in (sampling, replace(sampling, scheduler=scheduler))]
    assert np.abs(images[0] - images[1]).mean() < 25
    assert model.pipeline.scheduler is own


@pytest.mark.parametrize("scheduler", SCHEDULERS_NEAR)
def test_the_scheduler_that_was_asked_for_samples_on_the_models_noise_schedule(model, scheduler):
    with scheduled(model.pipeline, scheduler):
        inside = model.pipeline.scheduler
    assert type(inside).__name__ == CLASSES[scheduler]
    assert inside.config.beta_schedule == model.pipeline.scheduler.config.beta_schedule


def test_a_scheduler_that_adds_noise_gives_the_same_image_for_the_same_cloud(model):
    """The same noise in each step for every frame, alone or in a batch; another noise for another seed."""
    cloud, other = encode(model, "a fox"), encode(model, "a red car at night")
    sampling = Sampling(num_inference_steps=4, scheduler="euler-ancestral")
    twice = render(model, [cloud, other, cloud], sampling, batch_size=3).astype(int)
    assert np.array_equal(twice[0], twice[2])
    assert np.abs(twice[0] - render(model, [cloud], sampling)[0]).max() <= 1
    assert np.abs(twice[0] - render(model, [cloud], replace(sampling, seed=1))[0]).max() > 20


def test_noise_that_no_generator_reaches_is_refused(model, monkeypatch):
    config = {**model.pipeline.scheduler.config, "stochastic_sampling": True}
    monkeypatch.setattr(type(model.pipeline.scheduler), "config", config)
    with pytest.raises(UserError, match="draws other noise in each frame"), scheduled(model.pipeline, "own"):
        pass


def test_the_negative_prompt_and_the_size_reach_the_image(model):
    cloud = encode(model, "a fox")
    sampling = Sampling(num_inference_steps=2, guidance_scale=7.5)
    plain = render(model, [cloud], sampling)
    assert (render(model, [cloud], replace(sampling, negative_prompt="a red car at night")) != plain).any()
    assert render(model, [cloud], replace(sampling, height=24, width=32)).shape == (1, 24, 32, 3)


def test_two_threads_on_one_model_give_the_pictures_of_one(model):
    cloud, other = encode(model, "a fox"), encode(model, "a red car at night")
    clouds = [[cloud, other], [build_path("mixture", cloud, other)(t) for t in (0.3, 0.6)]]
    sampling = Sampling(num_inference_steps=8)
    alone = [render(model, pair, sampling).astype(int) for pair in clouds]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            together = list(pool.map(lambda pair: render(model, pair, sampling, batch_size=1).astype(int), clouds))
            assert all(np.abs(a - b).max() <= 1 for a, b in zip(alone, together, strict=True))


def test_a_model_encodes_and_renders(model):
    conditionings = model.encode(["a fox", "a cat"])
    assert [each.source for each in conditionings] == ["a fox", "a cat"]
    assert conditionings[0].masses == {"text": 77.0}
    assert torch.equal(conditionings[0].cloud.rows, encode(model, "a fox").rows)
    images = model.render(conditionings, FAST).astype(int)
    assert np.abs(images - render(model, [each.cloud for each in conditionings], FAST)).max() <= 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": -1}, "seed: wanted at least 0"),
        ({"num_inference_steps": 0}, "num_inference_steps: wanted at least 1"),
        ({"guidance_scale": float("nan")}, "guidance_scale: wanted a finite number of at least 0"),
        ({"width": 12}, "width: wanted a multiple of 8 pixels, 16384 at most, got 12"),
        ({"scheduler": "magic"}, "scheduler: unknown 'magic'; known: own, ddim, dpm, euler, euler-ancestral, unipc"),
    ],
)
def test_sampling_that_makes_no_sense_is_named(settings, message):
    with pytest.raises(UserError, match=message):
        Sampling(**settings)


def test_a_pipeline_of_another_family_is_refused(model):
    pipeline = SimpleNamespace(components=model.pipeline.components)
    with pytest.raises(
        UserError, match=r"text_encoder CLIPTextModel, unet UNet2DConditionModel.* wanted a text-to-image"
    ):
        Model("unheard of", pipeline)
