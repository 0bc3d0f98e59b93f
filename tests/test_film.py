"""Films through several prompts and seeds, as a user of the command meets them."""

import json
from fractions import Fraction

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from whichway.analysis.command.main import main
from whichway.analysis.errors import UserError
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import load_model
from whichway.analysis.runs.film_settings import FilmSettings
from whichway.analysis.runs.film_timing import eased, positions, steps_by_duration, steps_by_length
from whichway.geometry import uniform_times

A, B, C = "a fox", "a panda on a beach", "a red car"


@pytest.fixture
def animate(tiny_pipeline_folder, tmp_path):
    def run(*arguments, exit_code=0, film="film.webp"):
        fixed = [
            "--model",
            str(tiny_pipeline_folder),
            "--steps",
            "1",
            "--device",
            "cpu",
            "--out",
            str(tmp_path / "run"),
        ]
        fixed += ["--guidance", "100"]  # so that texts tell
        fixed += ["--perceptual-distance", "ssim"]
        result = CliRunner().invoke(main, ["animate", *arguments, str(tmp_path / film), *fixed])
        assert result.exit_code == exit_code, result.output
        return result.output

    return run


@pytest.fixture
def image_of(tiny_pipeline_folder):
    model = load_model(str(tiny_pipeline_folder), device="cpu")

    def render(prompt, seed=0):
        image = model.render(model.encode([prompt]), Sampling(seed=seed, num_inference_steps=1, guidance_scale=100))[0]
        scale = -(-256 // min(image.shape[:2]))
        return image.repeat(scale, axis=0).repeat(scale, axis=1).astype(int)

    return render


def pictures_of(film):
    with Image.open(film) as opened:
        pictures = []
        for index in range(opened.n_frames):
            opened.seek(index)
            pictures.append(np.asarray(opened.convert("RGB")).astype(int))
        return pictures


def same(picture, other):
    """Up to rounding: batches of other sizes add in another order."""
    return np.abs(picture - other).max() <= 1


@pytest.mark.parametrize("interpolation", ["linear", "spline"])
def test_every_prompt_is_seen_at_its_own_time(animate, image_of, tmp_path, interpolation):
    animate(A, B, C, "--at", "0,0.5,2", "--fps", "4", "--interpolation", interpolation, "--parametrisation", "uniform")
    pictures = pictures_of(tmp_path / "film.webp")
    assert len(pictures) == 9
    for frame, prompt in ((0, A), (2, B), (8, C)):
        assert same(pictures[frame], image_of(prompt))
    assert not same(pictures[1], image_of(A))


def test_a_loop_comes_back_without_showing_its_first_frame_twice(animate, image_of, tmp_path):
    animate(A, B, "--loop", "--frames", "6", "--parametrisation", "uniform")
    pictures = pictures_of(tmp_path / "film.webp")
    assert len(pictures) == 6
    assert same(pictures[0], image_of(A))
    assert same(pictures[3], image_of(B))
    assert not same(pictures[5], pictures[0])


def test_seeds_travel_with_the_text(animate, image_of, tmp_path):
    animate(A, B, "--seeds", "3,5", "--frames", "4", "--parametrisation", "uniform")
    pictures = pictures_of(tmp_path / "film.webp")
    assert same(pictures[0], image_of(A, 3))
    assert same(pictures[-1], image_of(B, 5))


def test_seeds_travel_alone_and_the_table_says_how_much_was_noise(animate, image_of, tmp_path):
    animate(A, "--seeds", "3,5,3", "--frames", "5", "--parametrisation", "uniform")
    pictures = pictures_of(tmp_path / "film.webp")
    assert same(pictures[2], image_of(A, 5))
    assert same(pictures[0], pictures[4])
    assert not same(pictures[0], pictures[2])


def test_the_table_says_how_much_was_noise(animate, tmp_path):
    output = animate(A, B, "--seeds", "3,5", "--separate", "--frames", "3", "--parametrisation", "uniform")
    for line in ("text and noise", "text alone", "noise alone"):
        assert line in output
    index = json.loads((tmp_path / "run" / "frames.json").read_text())
    assert set(index) == {"both", "text", "noise"}
    assert index["both"]["0.000000"] == index["text"]["0.000000"] == index["noise"]["0.000000"]
    assert len({index[what]["1.000000"] for what in index}) == 3


def test_frames_are_shared_by_perceptual_length(animate, tmp_path):
    """A leg between two equal prompts has no length: it gets one step, and the other all the rest."""
    animate(A, A, C, "--frames", "7")
    index = json.loads((tmp_path / "run" / "frames.json").read_text())["both"]
    assert index["0.000000"] == index["1.000000"]
    in_between = [float(t) for t in index if not float(t).is_integer()]
    assert len([t for t in in_between if t > 1]) >= 4
    assert not [t for t in in_between if t < 1 and t not in (0.25, 0.5, 0.75)]  # those by which it was measured


def test_a_contact_sheet_lies_beside_the_film(animate, tmp_path):
    output = animate(A, B, "--frames", "3", film="other.gif")
    assert "other-contact-sheet.png" in output.replace("\n", "")
    with Image.open(tmp_path / "other-contact-sheet.png") as sheet:
        assert np.asarray(sheet.convert("L")).std() > 5


def test_a_film_without_a_prompt_is_named(animate):
    assert "prompts: wanted two or more, or one with two or more seeds, got 1" in animate(A, exit_code=2)


def test_steps_are_shared_by_largest_remainder():
    assert steps_by_length(10, [1, 1, 3]) == [2, 3, 5] or steps_by_length(10, [1, 1, 3]) == [3, 2, 5]
    assert steps_by_length(3, [0, 0, 1]) == [1, 1, 1]
    assert steps_by_length(4, [0, 0]) == [2, 2]
    with pytest.raises(ValueError, match="wanted at least 3 steps"):
        steps_by_length(2, [1, 1, 1])


def test_durations_are_kept_to_half_a_frame():
    rate = Fraction(25, 2)
    steps = np.cumsum(steps_by_duration((1.0, 1.7, 4.0, 9.3), rate))
    assert np.abs(steps / float(rate) - [0.7, 3.0, 8.3]).max() <= 0.5 / float(rate) + 1e-9
    with pytest.raises(UserError, match=r"at: 1\.04 and 1\.05 s fall into one frame at 12\.5 frames a second"):
        steps_by_duration((0.0, 1.04, 1.05), rate)


def test_ease_is_slow_at_both_ends_and_keeps_them():
    times = np.array(eased(uniform_times(21)))
    assert times[0] == 0
    assert times[-1] == 1
    steps = np.diff(times)
    assert steps[0] < 0.2 / 20
    assert steps[-1] < 0.2 / 20
    assert steps.argmax() in (9, 10)
    assert steps == pytest.approx(steps[::-1], abs=3e-6)


def test_keyframes_are_whole_numbers():
    assert positions([2, 3], lambda leg, frames: uniform_times(frames)) == pytest.approx([0, 0.5, 1, 4 / 3, 5 / 3, 2])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"at": (0, 2)}, "at: wanted 3 times, one for each prompt, got 2"),
        ({"at": (0, 2, 2)}, "at: wanted 0, where the film begins, and then increasing times in seconds, got 0, 2, 2"),
        ({"at": (0, 2, float("nan"))}, "increasing times"),
        ({"at": (0, 2, float("inf"))}, "increasing times"),
        ({"at": (0, 1, 2), "loop": True}, "one for each prompt and one for the way back, got 3"),
        ({"seeds": (1, 2)}, "seeds: wanted 3, one for each prompt, got 2"),
        ({"frames": 2}, "frames: wanted at least 3"),
        ({"method": "geodesic@both"}, r"method 'geodesic@both' takes minutes to find, for a film too"),
        ({"interpolation": "cubic"}, "interpolation: unknown 'cubic'; known: linear, spline"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        FilmSettings((A, B, C), **settings)
