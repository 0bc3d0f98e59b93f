import numpy as np
import pytest
import torch

from whichway.analysis.images.batch_size import LARGEST_BATCH, fitting_batch_size
from whichway.analysis.images.conditioning_cache import keys_and_values_once
from whichway.analysis.images.rendering import render
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.images.weighted_attention import cross_attention_layers
from whichway.analysis.models.model import Model, load_model
from whichway.analysis.prompts.encoding import encode
from whichway.geometry import build_path

FAST = Sampling(num_inference_steps=3)


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu")


@pytest.fixture(scope="module")
def ends(model):
    return encode(model, "a fox"), encode(model, "a large panda at night")


def test_answers_from_memory_are_the_same_answers(model, ends):
    unet = model.pipeline.unet
    projections = [layer.to_v for layer in cross_attention_layers(unet).values()]
    before = [projection.forward for projection in projections]
    rows, noise = ends[0].rows[None], torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        plain = [unet(noise, time, rows).sample for time in (10, 500)]
        with keys_and_values_once(unet):
            kept = [unet(noise, time, rows).sample for time in (10, 500)]
            other = unet(noise, 10, ends[1].rows[None]).sample
        changed = unet(noise, 10, ends[1].rows[None]).sample
    assert all(torch.equal(a, b) for a, b in zip(plain, kept, strict=True))
    assert torch.equal(other, changed)
    assert not torch.equal(other, kept[0])
    assert [projection.forward for projection in projections] == before


def test_a_projection_is_asked_once_for_one_conditioning(model, ends):
    unet, rows = model.pipeline.unet, ends[0].rows[None]
    asked = []
    keys = next(iter(cross_attention_layers(unet).values())).to_k
    original = keys.forward
    keys.forward = patched = lambda seen: asked.append(seen) or original(seen)
    try:
        with keys_and_values_once(unet), torch.inference_mode():
            for time in (10, 500, 900):
                unet(torch.zeros(1, 4, 8, 8), time, rows)
        assert len(asked) == 1
        assert keys.forward is patched
    finally:
        del keys.forward


def test_a_compiled_denoiser_sees_weights_and_ends_too(model, ends, tiny_pipeline_folder):
    compiled = Model("compiled", load_model(str(tiny_pipeline_folder), device="cpu").pipeline, compiled=True)
    compiled.pipeline.unet.compile(backend="eager")  # captured as by torch.compile, not translated: that takes a minute
    for name in ("optimal", "mixture", "aid-inner"):
        path = build_path(name, *ends)
        clouds = [path(t) for t in (0.25, 0.5)]
        seen, wanted = (render(each, clouds, FAST).astype(int) for each in (compiled, model))
        assert np.abs(seen - wanted).max() <= 1, name


def test_batches_are_smaller_where_memory_is(model, monkeypatch):
    assert fitting_batch_size(model) == LARGEST_BATCH
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 40_000}))
    assert fitting_batch_size(model) == 1
