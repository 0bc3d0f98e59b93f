"""Every frame says how it was made, and can be made again from that."""

import json
import shutil

import pytest
from click.testing import CliRunner
from PIL import Image

from whichway.analysis.command.main import main
from whichway.analysis.models.model import load_model
from whichway.analysis.runs.frame_recipe import OWN_CHUNK, PARAMETERS
from whichway.analysis.runs.redo import redo

A, B, C = "a fox, 1:2", "a panda ‖ at night", "a red car"
WEIGHTED = ("a (fox:0.5) BREAK at night", "a (panda:2)", "--syntax", "weighted")
QUICK = ("--steps", "2", "--device", "cpu", "--negative", "a house", "--guidance", "9")


@pytest.fixture
def command(tiny_pipeline_folder):
    def run(*arguments, exit_code=0):
        result = CliRunner().invoke(main, [*map(str, arguments)])
        assert result.exit_code == exit_code, result.output
        return result.output

    return run


def frames_of(folder):
    return sorted((folder / "frames").glob("*.png"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", A, B, "--methods", "random,mixture", "--frames", "3", "--perceptual-distance", "ssim"),
        ("animate", A, B, C, "FILM", "--seeds", "1,2,3", "--interpolation", "spline", "--frames", "5", "--loop"),
        ("animate", A, B, "FILM", "--seeds", "1,2", "--separate", "--frames", "3"),
        ("barycenter", A, B, C, "--weights", "1,2,3"),
        ("compare", A, B, "--methods", "optimal,mixture", "--frames", "3", "--negative-end", "a lemon"),
        ("animate", A, B, C, "FILM", "--frames", "5", "--negative-end", "a lemon"),
        ("compare", *WEIGHTED, "--methods", "optimal,identity", "--frames", "3", "--negative-end", "a (lemon:2)"),
        ("barycenter", A, *WEIGHTED, "--word-weights", "rows", "--long-prompts", "chunks"),
    ],
)
def test_every_frame_of_a_run_is_made_again(command, tmp_path, tiny_pipeline_folder, arguments):
    if arguments[0] == "animate":
        arguments = (*arguments, "--parametrisation", "uniform")
    arguments = [tmp_path / "film.webp" if each == "FILM" else each for each in arguments]
    command(*arguments, *QUICK, "--model", tiny_pipeline_folder, "--out", tmp_path / "run")
    frames = frames_of(tmp_path / "run")
    assert len(frames) >= 4
    model, again = load_model(str(tiny_pipeline_folder), device="cpu"), tmp_path / "again.png"
    for frame in frames:
        redone = redo(frame, again, model=model)
        assert redone.difference <= 1  # a batch may round otherwise
        assert not redone.changes
        with Image.open(frame) as before, Image.open(again) as after:
            assert before.text == after.text


@pytest.fixture
def film_frames(command, tmp_path, tiny_pipeline_folder):
    fixed = (*QUICK, "--model", tiny_pipeline_folder, "--out", tmp_path / "run", "--parametrisation", "uniform")
    command("animate", A, B, tmp_path / "film.webp", "--frames", "3", "--seeds", "4,8", *fixed)
    index = json.loads((tmp_path / "run" / "frames.json").read_text())["both"]
    return {t: tmp_path / "run" / "frames" / f"{address}.png" for t, address in index.items()}


def test_parameters_are_those_of_automatic1111(film_frames):
    with Image.open(film_frames["0.000000"]) as image:
        lines = image.text[PARAMETERS].split("\n")
    assert lines[0] == A
    assert lines[1] == "Negative prompt: a house"
    assert lines[2].startswith("Steps: 2, Sampler: DDIM, CFG scale: 9, Seed: 4, Size: ")
    with Image.open(film_frames["0.500000"]) as image:
        lines = image.text[PARAMETERS].split("\n")
    assert lines[0] == f"{A} → {B}, t = 0.5, optimal"
    assert "Seed: 4, " in lines[2]
    assert "Variation seed: 8, Variation seed strength: 0.5" in lines[2]


def test_a_single_frame_is_equal_in_every_pixel(command, tmp_path, film_frames):
    """Redone twice: alone both times, so that no batch rounds otherwise."""
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    command("redo", film_frames["0.500000"], "--out", first)
    assert "equal in every pixel" in command("redo", first, "--out", second)


def test_another_picture_is_exit_status_1(command, tmp_path, film_frames):
    """The pixels of one frame with the words of another."""
    forged = tmp_path / "forged.png"
    with Image.open(film_frames["0.000000"]) as image, Image.open(film_frames["1.000000"]) as other:
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_text(OWN_CHUNK, other.text[OWN_CHUNK])
        image.save(forged, pnginfo=info)
    assert "another picture (largest pixel difference" in command(
        "redo", forged, "--out", tmp_path / "x.png", exit_code=1
    )


def with_chunk(path, frame, text):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(*text)
    with Image.open(frame) as image:
        image.save(path, pnginfo=info)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ((OWN_CHUNK, "{"), "its text chunk 'whichway' is damaged"),
        ((OWN_CHUNK, "[]"), "its text chunk 'whichway' is damaged"),
        ((OWN_CHUNK, '{"layout": 99}'), "it was made by another version of whichway"),
        ((OWN_CHUNK, '{"layout": 1, "recipe": {"prompts": 3}}'), "its text chunk 'whichway' is damaged"),
        ((PARAMETERS, "a cat\nSteps: 20"), "its 'parameters' were written by another program"),
        (("Author", "me"), "does not say how it was made"),
    ],
)
def test_a_picture_that_does_not_say_how_it_was_made_is_one_line(command, tmp_path, film_frames, text, message):
    with_chunk(tmp_path / "other.png", film_frames["0.000000"], text)
    output = command("redo", tmp_path / "other.png", exit_code=2)
    assert message in output
    assert output.count("\n") == 1


def test_no_picture_and_the_frame_itself_are_one_line(command, tmp_path, film_frames):
    (tmp_path / "text.png").write_text("no picture")
    assert "wanted a PNG" in command("redo", tmp_path / "text.png", exit_code=2)
    assert "wanted a PNG" in command("redo", tmp_path / "missing.png", exit_code=2)
    frame = shutil.copy(film_frames["0.000000"], tmp_path / "frame.png")
    assert "is the frame itself" in command("redo", frame, "--out", frame, exit_code=2)


def test_a_frame_of_a_geodesic_says_why_it_cannot_be_made_again(command, tmp_path, tiny_pipeline_folder):
    fixed = (*QUICK, "--model", tiny_pipeline_folder, "--out", tmp_path / "run")
    command("compare", A, C, "--methods", "geodesic", "--geodesic-iterations", "1", "--frames", "3", *fixed)
    index = json.loads((tmp_path / "run" / "frames.json").read_text())
    inner, end = (tmp_path / "run" / "frames" / f"{index['geodesic'][t]}.png" for t in ("0.500000", "0.000000"))
    output = command("redo", inner, "--out", tmp_path / "again.png", exit_code=2)
    assert f"a frame of a geodesic ({A} → {C}, t = 0.5, geodesic) was rendered from what a search found" in output
    assert "equal" in command("redo", end, "--out", tmp_path / "again.png")  # that of the prompt alone


def test_a_frame_is_not_written_under_a_name_of_another_format(tmp_path):
    result = CliRunner().invoke(main, ["redo", str(tmp_path / "frame.png"), "--out", str(tmp_path / "again.jpg")])
    assert result.exit_code == 2
    assert "out: wanted a name that ends in .png, got" in result.output
