"""A negative prompt that walks: from the sampling's to a second one, beside the prompts, by the same method."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from whichway.analysis.command.main import main
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import load_model

A, B, C = "a fox", "a panda on a beach", "a red car"
FROM, TO = "a house at night", "a large lemon in the snow"
FIXED = ("--steps", "1", "--guidance", "100", "--device", "cpu", "--perceptual-distance", "ssim")  # so that texts tell


@pytest.fixture
def command(tiny_pipeline_folder, tmp_path):
    def run(*arguments, exit_code=0):
        fixed = (*FIXED, "--model", str(tiny_pipeline_folder), "--out", str(tmp_path / "run"))
        result = CliRunner().invoke(main, [*arguments, *fixed])
        assert result.exit_code == exit_code, result.output
        return result.output

    return run


@pytest.fixture
def frame(tmp_path):
    """(name, t) → its picture, in a run's folder."""

    def picture(name, t):
        index = json.loads((tmp_path / "run" / "frames.json").read_text())
        with Image.open(tmp_path / "run" / "frames" / f"{index[name][f'{t:.6f}']}.png") as opened:
            return np.asarray(opened.convert("RGB")).astype(int)

    return picture


@pytest.fixture
def image_of(tiny_pipeline_folder):
    model = load_model(str(tiny_pipeline_folder), device="cpu")

    def render(prompt, negative):
        sampling = Sampling(num_inference_steps=1, guidance_scale=100, negative_prompt=negative)
        return model.render(model.encode([prompt]), sampling)[0].astype(int)

    return render


def same(picture, other):
    return np.abs(picture - other).max() <= 1


@pytest.mark.parametrize("start", [FROM, None])
def test_both_ends_have_their_own_negative_prompt(command, frame, image_of, start):
    given = ("--negative", start) if start else ()
    output = command(
        "compare", A, B, "--methods", "identity,optimal,mixture", "--frames", "3", *given, "--negative-end", TO
    )
    assert "every path ends in the image of B" in output
    for method in ("identity", "optimal", "mixture"):
        assert same(frame(method, 0.0), image_of(A, start))
        assert same(frame(method, 1.0), image_of(B, TO))
    assert not same(image_of(B, TO), image_of(B, start))


def test_in_a_film_it_walks_with_the_time(command, frame, image_of, tmp_path):
    film = str(tmp_path / "film.webp")
    times = ("--at", "0,0.5,2", "--fps", "4", "--parametrisation", "uniform", "--method", "mixture")
    command("animate", A, B, C, film, *times, "--negative", FROM, "--negative-end", TO)
    assert same(frame("both", 0.0), image_of(A, FROM))
    assert same(frame("both", 2.0), image_of(C, TO))
    assert not same(frame("both", 1.0), image_of(B, FROM))
    assert not same(frame("both", 1.0), image_of(B, TO))


def test_it_may_walk_nowhere(command, tmp_path):
    """The frames of before are the same frames: their addresses follow from the clouds."""
    command("compare", A, B, "--methods", "mixture", "--frames", "3", "--negative", FROM)
    before = json.loads((tmp_path / "run" / "frames.json").read_text())["mixture"]
    (tmp_path / "run").rename(tmp_path / "before")
    command("compare", A, B, "--methods", "mixture", "--frames", "3", "--negative", FROM, "--negative-end", FROM)
    after = json.loads((tmp_path / "run" / "frames.json").read_text())["mixture"]
    assert {t: after[t] for t in ("0.000000",)} == {t: before[t] for t in ("0.000000",)}
    command("compare", A, B, "--methods", "mixture", "--frames", "3", "--negative", FROM, exit_code=2)  # another run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compare", A, B, "--guidance", "1"), "negative_prompt_end: without guidance no negative prompt is looked at"),
        (("animate", A, B, "FILM", "--guidance", "1"), "negative_prompt_end: without guidance"),
        (("animate", A, B, "FILM", "--loop"), "negative_prompt_end: a loop is back at its first prompt"),
        (("compare", A, B, "--methods", "geodesic"), "negative_prompt_end: 'geodesic' is looked for under one"),
        (("compare", A, B, "--methods", "aid-inner"), "negative_prompt_end: frames of 'aid-inner' attend to those"),
    ],
)
def test_where_it_cannot_walk(tiny_pipeline_folder, tmp_path, arguments, message):
    arguments = [str(tmp_path / "film.webp") if each == "FILM" else each for each in arguments]
    fixed = ("--model", str(tiny_pipeline_folder), "--steps", "1", "--device", "cpu", "--out", str(tmp_path / "run"))
    result = CliRunner().invoke(main, [*arguments, *fixed, "--negative-end", TO])
    assert result.exit_code == 2
    assert f"Error: {message}" in result.output
    assert "Traceback" not in result.output
