"""Noise on the great circle between two seeds: exact at both ends, as long as noise in between."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers.utils.torch_utils import randn_tensor

from whichway.analysis.errors import UserError
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.images.travelling_noise import NoisePoint, noise_travels, with_noise
from whichway.analysis.models.model import load_model
from whichway.analysis.runs.frame_address import FrameAddresses

SHAPE = (1, 4, 16, 16)


def draw(*points, draws=1):
    generators = [point.generator() for point in points]
    with noise_travels():
        return torch.stack([randn_tensor((len(points), *SHAPE[1:]), generator=generators) for _ in range(draws)])


def seeded(seed, draws=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randn(SHAPE, generator=generator) for _ in range(draws)])


def test_at_both_ends_it_is_the_noise_of_one_seed_also_in_later_steps():
    drawn = draw(NoisePoint(3, 8, 0.0), NoisePoint(3, 8, 1.0), draws=2)
    assert torch.equal(drawn[:, :1], seeded(3, 2))
    assert torch.equal(drawn[:, 1:], seeded(8, 2))


def test_in_between_it_is_on_the_great_circle_of_every_draw():
    drawn, start, end = draw(NoisePoint(3, 8, 0.25), draws=2), seeded(3, 2), seeded(8, 2)
    for now, a, b in zip(drawn, start, end, strict=True):
        assert float(now.norm()) == pytest.approx(float(a.norm()), rel=0.05)  # a mean of both would have 0.79 of it
        angle = torch.acos((a * b).sum() / (a.norm() * b.norm()))
        expected = (torch.sin(0.75 * angle) * a + torch.sin(0.25 * angle) * b) / torch.sin(angle)
        assert torch.allclose(now, expected, atol=1e-5)


def test_near_the_end_it_is_near_and_frames_of_a_batch_do_not_mix():
    drawn = draw(NoisePoint(3, 8, 1 - 1e-6), NoisePoint(5, 5, 0.5))
    assert torch.allclose(drawn[0, :1], seeded(8)[0], atol=1e-4)
    assert torch.equal(drawn[0, 1:], seeded(5)[0])


def test_outside_nothing_else_that_is_drawn_changes():
    with noise_travels():
        assert torch.equal(torch.randn(SHAPE, generator=torch.Generator().manual_seed(3)), seeded(3)[0])


def test_at_an_end_there_is_one_seed_and_so_one_address():
    assert [NoisePoint(3, 8, t).seed for t in (0.0, 0.5, 1.0)] == [3, None, 8]


def test_bad_points_are_named():
    with pytest.raises(UserError, match="seeds: wanted at least 0"):
        NoisePoint(-1, 2)
    with pytest.raises(ValueError, match=r"from 0 to 1, got 1\.5"):
        NoisePoint(1, 2, 1.5)


def test_a_frame_with_noise_of_its_own_is_the_image_of_that_seed_at_both_ends_and_has_an_address_of_its_own(
    tiny_pipeline_folder,
):
    model = load_model(str(tiny_pipeline_folder), device="cpu")
    [text] = model.encode(["a fox"])
    for scheduler in ("own", "euler-ancestral"):  # without and with noise in each step
        sampling = Sampling(num_inference_steps=2, guidance_scale=3.0, scheduler=scheduler)
        frames = [with_noise(text, NoisePoint(3, 8, t)) for t in (0.0, 0.5, 1.0)]
        images = model.render(frames, sampling)
        for index, seed in ((0, 3), (2, 8)):
            alone = model.render([text], replace(sampling, seed=seed))[0]
            assert np.abs(images[index].astype(int) - alone).max() <= 1  # a batch may round otherwise
        assert not np.array_equal(images[1], images[0])
    addresses = FrameAddresses(model, Sampling(seed=3))
    assert len({addresses.of(frame) for frame in frames}) == 3
    assert addresses.of(frames[0]) == addresses.of(text)
