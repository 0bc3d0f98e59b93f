"""A frame is the same to the last bit, whatever else was rendered with it: so a continued run is like any other."""

import hashlib

import pytest

from whichway.analysis.images.batch_size import LARGEST_BATCH, fitting_batch_size
from whichway.analysis.images.grouping import shape
from whichway.analysis.images.rendering import render
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import load_model
from whichway.analysis.paths.conditioning_path import build_path

QUICK = Sampling(num_inference_steps=2, guidance_scale=3.0)


@pytest.fixture(scope="module")
def model():
    return load_model("miniature", device="cpu")


@pytest.fixture(scope="module")
def frames(model):
    """Conditionings of several shapes: plain, weighted, longer, and ones that attend to both ends."""
    start, end = model.encode(["a fox on a blue background", "a small car at night"])
    paths = {
        name: build_path(name, start.cloud, end.cloud) for name in ("optimal", "mixture", "unbalanced", "aid-inner")
    }
    return [path(t) for path in paths.values() for t in (0.25, 0.5)]


def decoded_latents(model, frames):
    """Hashes of what the decoder was given for each frame: pixels are rounded, and might hide a difference."""
    hashes = []

    def note(_module, arguments):
        hashes.extend(hashlib.sha256(latent.numpy().tobytes()).hexdigest() for latent in arguments[0])

    hook = model.pipeline.vae.decoder.register_forward_pre_hook(note)
    try:
        pictures = render(model, frames, QUICK)
    finally:
        hook.remove()
    return pictures, hashes


def test_alone_and_among_others(model, frames):
    pictures, hashes = decoded_latents(model, frames)
    for index in (0, 3, 5, 7):
        alone, of_latents = decoded_latents(model, [frames[index]])
        assert (alone[0] == pictures[index]).all(), index
        assert len(of_latents) >= LARGEST_BATCH
        assert {*of_latents} <= {*hashes}, index
    others = [5, 0, 7, 2]
    assert (render(model, [frames[index] for index in others], QUICK) == pictures[others]).all()


def test_frames_of_one_shape_share_a_batch(model, frames):
    start, end = model.encode(["a fox", "a panda"])
    assert shape(start) == shape(end) == (77, 77, True, ())
    assert len({shape(frame) if hasattr(frame, "clouds") else len(frame) for frame in frames}) > 1


def test_a_large_image_is_rendered_by_itself(model, monkeypatch):
    assert fitting_batch_size(model, Sampling(height=512, width=512)) == 1
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 10**6}))
    with pytest.raises(ValueError, match=r"takes about .* GiB of memory, and 0 GiB is free; wanted a smaller --height"):
        fitting_batch_size(model, Sampling(height=8192, width=8192))
