"""Previews: a small decoder of latents, and what the explorer tells with it."""

from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from whichway.analysis.explorer import previews as previews_module
from whichway.analysis.explorer.exploration import Exploration
from whichway.analysis.explorer.previews import Previews
from whichway.analysis.explorer.settings import ExplorerSettings
from whichway.analysis.images.rendering import render_each
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.images.small_decoder import SmallDecoder
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.model import load_model
from whichway.analysis.prompts.encoding import encode
from whichway.analysis.smoothness.feature_space import channels_first

PATCH = 8  # pixels for each latent


class LinearAutoencoder(torch.nn.Module):
    """Its latents are a linear function of the mean colours of patches, scaled and shifted."""

    def __init__(self, **config):
        super().__init__()
        mixing = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
        self.mixing = torch.nn.Parameter(mixing)
        self.config = {"scaling_factor": 0.3, **config}
        self.config = SimpleNamespace(**self.config, get=self.config.get)

    def encode(self, images):
        colours = F.avg_pool2d(images, PATCH)
        return SimpleNamespace(latent=torch.einsum("kc,bchw->bkhw", self.mixing, colours) + 0.7)


def pipeline_of(autoencoder):
    return SimpleNamespace(vae=autoencoder, vae_scale_factor=PATCH)


@pytest.mark.parametrize("config", [{}, {"shift_factor": 0.1}])
def test_latents_that_are_linear_in_colours_are_decoded_exactly(config):
    autoencoder = LinearAutoencoder(**config)
    decoder = SmallDecoder.fitted(pipeline_of(autoencoder))
    pictures = np.random.default_rng(0).integers(0, 256, (2, 16, 24, 3), dtype=np.uint8)
    with torch.no_grad():
        latents = (autoencoder.encode(channels_first(pictures) * 2 - 1).latent - config.get("shift_factor", 0)) * 0.3
    means = pictures.reshape(2, 2, PATCH, 3, PATCH, 3).mean(axis=(2, 4))
    assert np.abs(decoder.decode(latents, 2, 3) - means).max() <= 1
    assert decoder.decode(latents, 16, 24).shape == pictures.shape


def test_an_autoencoder_that_cannot_encode_has_no_preview():
    assert SmallDecoder.fitted(pipeline_of(LinearAutoencoder().to("meta"))) is None
    assert SmallDecoder.fitted(pipeline_of(torch.nn.Linear(2, 2))) is None
    assert SmallDecoder.fitted(pipeline_of(LinearAutoencoder(scaling_factor=float("inf")))) is None


def test_half_way_through_the_miniatures_sampling_one_sees_what_it_is_going_to_be():
    model, expected = load_model("miniature"), []
    decoder = SmallDecoder.fitted(model.pipeline)
    texts = [encode(model, text) for text in ("a large fox on a blue background", "a panda on a pink background")]
    sampling = Sampling(num_inference_steps=8)
    images = [*render_each(model, texts, sampling, on_latents=lambda z: expected.append(decoder.decode(z, 64, 64)))]
    half_way = expected[3]
    apart = np.abs(half_way[:, None].astype(float) - np.stack(images)[None]).mean(axis=(2, 3, 4))
    assert len(expected) == 8
    assert (apart.diagonal() < 30).all()
    assert (apart.diagonal() < apart[[0, 1], [1, 0]] / 2).all()


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu")


def test_the_explorer_tells_what_frames_are_going_to_be_before_they_are_there(model, tmp_path, monkeypatch):
    monkeypatch.setattr(previews_module, "EVERY", 0.0)
    sampling = Sampling(num_inference_steps=2, guidance_scale=1.0, height=16, width=24)
    choice = ModelChoice(model.name)
    settings = ExplorerSettings(
        ("a fox", "a car"),
        ("optimal", "identity"),
        frames=3,
        perceptual_distance="ssim",
        model=choice,
        sampling=sampling,
    )
    told = []
    exploration = Exploration(settings, model, tmp_path)
    for message in exploration.look(lambda: None, lambda: 0.5, told.append):
        told.append(message)
    shown: dict = {}
    for message in told:
        where = {tuple(place) for place in message.content.get("where", ())}
        for place in where:
            shown.setdefault(place, []).append(message.content["kind"])
        if message.content["kind"] == "preview":
            assert Image.open(BytesIO(message.buffers[0])).size == (24, 16)
    assert len(shown) == 6
    assert all(kinds == ["preview", "preview", "frame"] for kinds in shown.values())


def test_what_is_rendered_within_a_second_has_no_preview(model):
    told = []
    previews = Previews(model, (16, 16), told.append)
    previews.show([[("optimal", 0)]], torch.zeros(1, 4, 8, 8))
    assert told == []
    previews._last -= 2
    previews.show([[("optimal", 0)]], torch.zeros(1, 16, 64))  # packed
    assert told == []
    previews.show([[("optimal", 0)]], torch.zeros(1, 4, 8, 8))
    assert [message.content["where"] for message in told] == [[("optimal", 0)]]
