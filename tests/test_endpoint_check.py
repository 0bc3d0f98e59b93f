"""The tolerance of the endpoint check follows from precision, depth, guidance and steps; the check can fail."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.dtypes import pixel_tolerance
from whichway.analysis.models.model import load_model
from whichway.analysis.runs import endpoint_check
from whichway.analysis.runs.endpoint_check import EndpointCheck, endpoint_error, endpoint_tolerance


@pytest.mark.parametrize(("errors", "passed"), [({"a": 0, "b": 3}, True), ({"a": 0, "b": 4}, False)])
def test_the_worst_method_decides(errors, passed):
    check = EndpointCheck(errors, tolerance=3)
    assert check.passed is passed
    assert check.worst == "b"
    assert check.as_json() == {"passed": passed, "tolerance": 3, "errors": errors}
    assert ("FAILED: b ends in another image" in str(check)) is not passed


def test_the_error_is_that_of_the_last_frame():
    frames = np.zeros((3, 4, 4, 3), np.uint8)
    frames[0], frames[2, 1, 2, 0] = 200, 7
    assert endpoint_error(frames, np.zeros((4, 4, 3), np.uint8)) == 7
    assert endpoint_error(frames, np.full((4, 4, 3), 9, np.uint8)) == 9  # darker counts as brighter does


def test_the_decoder_rounds_too(tiny_pipeline_folder, monkeypatch):
    model = load_model(str(tiny_pipeline_folder), device="cpu")
    decoder = model.pipeline.vae.decoder
    monkeypatch.setattr(endpoint_check, "rounding_tolerance", lambda part, *_, rows: 0.1 if part is decoder else 0.0)
    assert endpoint_tolerance(model, Sampling(num_inference_steps=2), rows=77) > 10


def test_pixels_are_allowed_what_latents_and_decoder_are():
    """One level for rounding to 8 bits; the largest of N errors of ε on a scale of 255/2 levels."""
    assert pixel_tolerance(0.0, 0.0, pixels=10_000) == 1
    assert pixel_tolerance(0.03, 0.04, pixels=10_000) == 1 + int(127.5 * 0.05 * math.sqrt(2 * math.log(10_000)))


def test_less_precision_more_guidance_and_more_rows_allow_more(tiny_pipeline_folder):
    single, half = (load_model(str(tiny_pipeline_folder), device="cpu", dtype=name) for name in ("float32", "bfloat16"))
    sampling = Sampling(num_inference_steps=20, guidance_scale=3.0)
    assert endpoint_tolerance(single, sampling, rows=77) == 1
    in_half = endpoint_tolerance(half, sampling, rows=77)
    assert 2 < in_half < 60
    assert endpoint_tolerance(half, replace(sampling, guidance_scale=12.0), rows=77) > in_half


def test_what_rounding_does_is_within_the_tolerance(tiny_pipeline_folder):
    """Measured: the same prompt with its rows in ten other orders, in bfloat16."""
    model = load_model(str(tiny_pipeline_folder), device="cpu", dtype="bfloat16")
    sampling = Sampling(num_inference_steps=8, guidance_scale=7.5)
    [conditioning] = model.encode(["a large fox on a blue background"])
    orders = [torch.randperm(77, generator=torch.Generator().manual_seed(seed)) for seed in range(10)]
    images = model.render([conditioning.cloud, *(conditioning.cloud.take(order) for order in orders)], sampling)
    largest = np.abs(images.astype(int) - images[0].astype(int)).max()
    assert 0 < largest <= endpoint_tolerance(model, sampling, rows=77)
