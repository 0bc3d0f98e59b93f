"""What a model needs and what there is; batches that do not fit; text encoders that are let go of."""

from collections import namedtuple

import numpy as np
import pytest
import torch

from whichway.analysis.errors import UserError
from whichway.analysis.images.batches import in_fitting_batches, is_out_of_memory
from whichway.analysis.images.pipeline_defaults import pipeline_defaults
from whichway.analysis.images.rendering import render
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.memory import needs_of
from whichway.analysis.models.model import load_model
from whichway.analysis.paths.attention_interpolation import AttentionInterpolationPath  # noqa: F401 - by its name
from whichway.analysis.prompts.encoding import encode
from whichway.geometry import build_path

FAST = Sampling(num_inference_steps=2)
CPU, GPU = torch.device("cpu"), torch.device("cuda")
GIB = 2**30
PARAMETERS = {"transformer": 4 * GIB, "text_encoder_2": 2 * GIB, "vae": GIB // 8}


@pytest.fixture
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu")


@pytest.fixture
def machine(monkeypatch):
    """A machine with so many GiB of memory, and on its GPU."""

    def build(memory: float, gpu: float = 0) -> None:
        available = namedtuple("available", "available")(int(memory * GIB))
        monkeypatch.setattr("psutil.virtual_memory", lambda: available)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device=None: (int(gpu * GIB), int(gpu * GIB)))

    return build


def test_a_model_that_fits_says_what_it_needs_and_what_there_is(machine):
    machine(memory=64)
    line = needs_of("big", PARAMETERS, torch.float32).require(CPU)
    assert line.startswith("6.6 billion parameters, 24.5 GiB in float32 (transformer 16.0 GiB, text_encoder_2 8.0 GiB")
    assert line.endswith("there is 64.0 GiB of memory")


@pytest.mark.parametrize(
    ("memory", "gpu", "device", "dtype", "way"),
    [
        (16, 0, CPU, torch.float32, "try --dtype bfloat16"),
        (4, 0, CPU, torch.float32, "wanted a smaller model or a larger machine"),
        (64, 10, GPU, torch.bfloat16, "try --offload model"),
        (64, 5, GPU, torch.bfloat16, "try --quantize bitsandbytes-4bit"),
        (64, 2, GPU, torch.bfloat16, "try --offload sequential"),
    ],
)
def test_a_model_that_cannot_fit_is_one_line_with_a_way_out(machine, memory, gpu, device, dtype, way):
    machine(memory, gpu)
    with pytest.raises(UserError, match="cannot fit") as raised:
        needs_of("big", PARAMETERS, dtype).require(device)
    assert str(raised.value).endswith(way)


def test_quantized_weights_take_a_byte_or_half_of_one_but_not_the_autoencoders():
    for quantize, size in (("bitsandbytes-8bit", 1), ("bitsandbytes-4bit", 0.5)):
        needed = needs_of("big", PARAMETERS, torch.bfloat16, quantize=quantize).bytes
        assert needed == {"transformer": 4 * GIB * size, "text_encoder_2": 2 * GIB * size, "vae": GIB / 4}


@pytest.mark.parametrize(("offload", "gpu", "fits"), [("model", 9, True), ("model", 7, False), ("sequential", 1, True)])
def test_offloading_needs_one_component_or_next_to_nothing_on_the_gpu(machine, offload, gpu, fits):
    machine(64, gpu)
    needs = needs_of("big", PARAMETERS, torch.bfloat16, offload=offload)
    if fits:
        assert "GiB on the GPU" in needs.require(GPU)
    else:
        with pytest.raises(UserError, match="cannot fit"):
            needs.require(GPU)


def test_it_is_said_before_the_weights_are_read(tiny_pipeline_folder, machine):
    lines = []
    model = load_model(str(tiny_pipeline_folder), device="cpu", report=lines.append)
    parts = (model.denoiser, model.pipeline.vae, model.pipeline.text_encoder)
    count = sum(parameter.numel() for part in parts for parameter in part.parameters())
    assert f"{count / 1e6:.0f} million parameters" in lines[0]
    machine(memory=0.0001)
    with pytest.raises(UserError, match=r"cannot fit: .* million parameters"):
        load_model(str(tiny_pipeline_folder), device="cpu")


# --- batches ----------------------------------------------------------------------------------------------------------

OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory."),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried"),
    RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
]


@pytest.fixture(autouse=True)
def no_slow_collection(monkeypatch):
    monkeypatch.setattr("gc.collect", lambda: 0)  # among everything that the tests have imported it takes seconds


@pytest.mark.parametrize("error", OUT_OF_MEMORY)
@pytest.mark.parametrize("fits", [1, 2, 3, 5])
def test_a_batch_is_halved_until_it_fits_and_each_item_comes_once(error, fits):
    sizes, limits = [], {}

    def render(items):
        sizes.append(len(items))
        if len(items) > fits:
            raise error
        return [item * 10 for item in items]

    options = {"largest": 8, "limits": limits, "key": "size", "what": "one"}
    assert list(in_fitting_batches(range(11), render, **options)) == [item * 10 for item in range(11)]
    sizes.clear()
    assert list(in_fitting_batches(range(3), render, **options)) == [0, 10, 20]
    assert max(sizes) <= fits  # what did not fit is not tried again


def test_one_that_does_not_fit_is_one_line():
    def render(items):
        raise torch.OutOfMemoryError

    with pytest.raises(UserError, match=r"one image of .* does not fit in memory; try --offload"):
        list(in_fitting_batches([1, 2], render, largest=2, limits={}, key=0, what="one image of 8 × 8 pixels"))


def test_other_errors_are_not_taken_for_a_full_memory():
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_images_are_the_same_when_the_denoiser_takes_two_frames_at_most(model, monkeypatch):
    conditionings = model.encode(["a fox", "a cat", "a red car", "pizza", "night"])
    together = model.render(conditionings, FAST).astype(int)
    forward = model.denoiser.forward

    def short_of_memory(sample, *args, **kwargs):
        if len(sample) > 2 * 2:  # guided: each frame twice
            raise torch.OutOfMemoryError
        return forward(sample, *args, **kwargs)

    monkeypatch.setattr(model.denoiser, "forward", short_of_memory)
    assert np.abs(model.render(conditionings, FAST).astype(int) - together).max() <= 1
    assert list(model.batch_limits.values()) == [2]


def short_of_memory(model, monkeypatch, fits):
    """A denoiser that takes no more than ``fits(rows of the text)`` images; returns the batches that it was given."""
    batches, forward = [], model.denoiser.forward

    def checked(sample, time, encoder_hidden_states, **options):
        batches.append(len(sample))
        if len(sample) > fits(encoder_hidden_states.shape[1]):
            raise torch.OutOfMemoryError
        return forward(sample, time, encoder_hidden_states=encoder_hidden_states, **options)

    monkeypatch.setattr(model.denoiser, "forward", checked)
    return batches


UNGUIDED = Sampling(num_inference_steps=1, guidance_scale=1.0)


@pytest.mark.parametrize("long_first", [True, False])
def test_what_does_not_fit_with_a_long_text_says_nothing_of_short_ones(model, monkeypatch, long_first):
    """Frames of a mixture attend to the rows of both prompts, and to no more than memory has room for."""
    path = build_path("mixture", *(conditioning.cloud for conditioning in model.encode(["a fox", "a red car"])))
    short, long = [path(t) for t in (0.0, 1.0)] * 4, [path(t) for t in (0.2, 0.4, 0.6, 0.8)] * 2
    batches = short_of_memory(model, monkeypatch, lambda rows: 8 if rows == len(path(0)) else 2)
    for clouds in (long, short) if long_first else (short, long):
        render(model, clouds, UNGUIDED, batch_size=8)
    assert 8 in batches  # the short ones at once
    batches.clear()
    render(model, long, UNGUIDED, batch_size=8)
    assert batches == [2, 2, 2, 2]  # what did not fit is not tried again


def test_the_ends_that_frames_attend_to_are_counted_and_limit_no_other_frames(model, monkeypatch):
    path = build_path("aid-inner", *(encode(model, prompt) for prompt in ("a fox", "a red car")))
    attending = [path(t) for t in (0.2, 0.4, 0.6, 0.8)]
    batches = short_of_memory(model, monkeypatch, lambda rows: 4)
    render(model, attending, UNGUIDED, batch_size=6)
    assert batches == [6, 4, 4]  # two of the frames, and both ends, each time
    batches.clear()
    render(model, [path(0.0)] * 4, UNGUIDED)
    assert batches == [4]
    monkeypatch.undo()
    short_of_memory(model, monkeypatch, lambda rows: 2)
    with pytest.raises(UserError, match="with the two images that it attends to, does not fit in memory"):
        render(model, attending, UNGUIDED)


# --- text encoders ----------------------------------------------------------------------------------------------------


def test_freed_text_encoders_change_no_image_and_late_prompts_are_refused(tiny_pipeline_folder, model):
    freeing = load_model(str(tiny_pipeline_folder), device="cpu", free_text_encoders=True)
    prompts = ["a fox", "a cat"]
    images = freeing.render(freeing.encode(prompts), FAST)
    assert freeing.pipeline.text_encoder is None
    assert np.array_equal(images, model.render(model.encode(prompts), FAST))
    assert freeing.identity == model.identity
    assert torch.equal(freeing.encode(["a cat"])[0].cloud.rows, model.encode(["a cat"])[0].cloud.rows)
    with pytest.raises(UserError, match=r"prompt 'a dog' comes after the text encoders of model .* were freed"):
        freeing.encode(["a dog"])


# --- the model's own sampling -----------------------------------------------------------------------------------------


def test_what_is_not_given_is_the_pipelines_own(model):
    assert Sampling().resolved(model.defaults) == Sampling(
        num_inference_steps=50, guidance_scale=7.5, height=16, width=16
    ).resolved(model.defaults)
    given = Sampling(num_inference_steps=3, guidance_scale=1.0, height=24, width=32).resolved(model.defaults)
    assert (given.num_inference_steps, given.guidance_scale, given.height, given.width) == (3, 1.0, 24, 32)
    assert given.resolved(model.defaults) == given


def test_the_miniature_says_its_own():
    model = load_model(device="cpu")
    assert pipeline_defaults(model.pipeline) == model.defaults
    sampling = Sampling().resolved(model.defaults)
    assert (sampling.num_inference_steps, sampling.guidance_scale, sampling.height) == (20, 3.0, 64)


def test_tiling_is_part_of_the_fingerprint_and_slicing_is_not(tiny_pipeline_folder, model):
    folder = str(tiny_pipeline_folder)
    assert load_model(folder, device="cpu", vae_slicing=True).fingerprint == model.fingerprint
    tiled = load_model(folder, device="cpu", vae_tiling=True)
    assert tiled.pipeline.vae.use_tiling
    assert tiled.fingerprint != model.fingerprint


def test_offloading_without_a_gpu_is_refused(tiny_pipeline_folder):
    with pytest.raises(UserError, match="offload 'model' keeps a GPU's memory free, and the device is a CPU"):
        load_model(str(tiny_pipeline_folder), device="cpu", offload="model")
