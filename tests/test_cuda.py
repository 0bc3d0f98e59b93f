"""On a GPU: the same pictures as on a CPU, by every way of placing a model. Most are skipped where there is none."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from tests.tiny_pipelines import BUILDERS, SAMPLING
from whichway.analysis.command.main import main
from whichway.analysis.images.batch_size import LARGEST_BATCH, LARGEST_BATCH_ON_GPU, fitting_batch_size
from whichway.analysis.images.precision import without_tf32
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import load_model
from whichway.analysis.paths.chosen_method import choose_method
from whichway.analysis.paths.conditioning_path import join

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
PROMPTS = "a fox on a blue background", "a panda on a pink background"
FAST = Sampling(num_inference_steps=4)


def frames_of(model, method, sampling=FAST):
    """Five frames from one prompt to the other."""
    start, end = model.encode(PROMPTS)
    path = join(method, choose_method(method), start, end, model=model, seed=0)
    return model.render([path(t) for t in (0, 0.25, 0.5, 0.75, 1)], sampling).astype(int)


def largest_difference(some, others):
    return np.abs(some - others).max()


@pytest.fixture(scope="module")
def on_gpu():
    return load_model(device="cuda", dtype="float32")


@pytest.mark.parametrize("before", [True, False])
def test_tf32_is_off_within_and_as_before_afterwards(before):
    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    usual = convolutions.allow_tf32, products.allow_tf32
    convolutions.allow_tf32 = products.allow_tf32 = before
    try:
        with without_tf32():
            assert not convolutions.allow_tf32
            assert not products.allow_tf32
        assert (convolutions.allow_tf32, products.allow_tf32) == (before, before)
    finally:
        convolutions.allow_tf32, products.allow_tf32 = usual


@needs_gpu
@pytest.mark.parametrize("method", ["optimal", "mixture", "identity", "aid-inner"])
def test_the_miniature_draws_what_it_draws_on_a_cpu(on_gpu, method):
    sampling = Sampling()
    on_cpu = frames_of(load_model(device="cpu"), method, sampling)
    assert largest_difference(frames_of(on_gpu, method, sampling), on_cpu) <= 2


@needs_gpu
@pytest.mark.parametrize("family", list(BUILDERS))
@pytest.mark.parametrize("method", ["identity", "mixture"])
def test_every_family_draws_what_it_draws_on_a_cpu(family, method):
    sampling = Sampling(**SAMPLING[family])
    on_cpu = frames_of(load_model(BUILDERS[family]()), method, sampling)
    assert largest_difference(frames_of(load_model(BUILDERS[family]().to("cuda")), method, sampling), on_cpu) <= 1


@needs_gpu
@pytest.mark.parametrize("offload", ["model", "sequential"])
def test_weights_that_wait_elsewhere_draw_the_same(on_gpu, offload):
    waiting = load_model(device="cuda", dtype="float32", offload=offload)
    assert largest_difference(frames_of(waiting, "optimal"), frames_of(on_gpu, "optimal")) <= 1


@needs_gpu
def test_half_precision_is_the_default_and_draws_what_the_pipeline_draws():
    half = load_model(device="cuda")
    assert half.dtype == torch.float16
    [conditioning] = half.encode(PROMPTS[:1])
    options = {"num_inference_steps": 20, "guidance_scale": 3.0, "output_type": "np"}
    own = half.pipeline(PROMPTS[0], generator=torch.Generator().manual_seed(0), **options).images
    assert np.abs(half.render([conditioning]) - 255.0 * own).mean() < 1


@needs_gpu
def test_where_memory_runs_out_half_as_many_are_rendered(on_gpu):
    assert fitting_batch_size(on_gpu) == LARGEST_BATCH_ON_GPU > LARGEST_BATCH
    wide = Sampling(num_inference_steps=2, height=512, width=512)
    [conditioning] = on_gpu.encode(PROMPTS[:1])
    [alone] = on_gpu.render([conditioning], wide)
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(3 * 2**30 / total)
    try:
        images = on_gpu.render([conditioning] * 32, wide, batch_size=32)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert len(images) == 32
    assert largest_difference(images.astype(int), alone.astype(int)) <= 2
    assert 1 <= min(on_gpu.batch_limits.values()) < 32


@needs_gpu
@pytest.mark.parametrize("dtype", ["auto", "float32", "bfloat16"])
def test_a_comparison_passes_its_check(tmp_path, dtype):
    options = ["--device", "cuda", "--dtype", dtype, "--frames", "3", "--methods", "identity,optimal,mixture"]
    done = CliRunner().invoke(main, ["compare", *PROMPTS, *options, "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["endpoint_check"]["passed"]


@needs_gpu
def test_the_invariance_holds(tmp_path):
    done = CliRunner().invoke(main, ["invariance", "--device", "cuda", "--json", str(tmp_path / "record.json")])
    assert done.exit_code == 0, done.output
