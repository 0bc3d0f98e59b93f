"""Photographs as ends: read, inverted, resumed, and standing where a prompt may stand."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from tests.tiny_pipelines import stable_diffusion
from whichway.analysis.clouds.distances import DistanceSettings, measure_all
from whichway.analysis.command.main import main
from whichway.analysis.errors import UserError
from whichway.analysis.families.conditioning_file import read_conditionings
from whichway.analysis.fidelity.text_image import TextImageScorer
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.images.travelling_noise import GivenNoise, with_noise
from whichway.analysis.inversion import starts
from whichway.analysis.inversion.autoencoder import psnr, reconstruct
from whichway.analysis.inversion.ddim_noise import invert_noise
from whichway.analysis.inversion.parts import PartsPrior, no_offsets
from whichway.analysis.inversion.photograph import read_photograph
from whichway.analysis.inversion.settings import InversionSettings
from whichway.analysis.models.model import Model, load_model
from whichway.analysis.runs import inversion as inversion_module
from whichway.analysis.runs.comparison import compare
from whichway.analysis.runs.comparison_settings import ComparisonSettings
from whichway.analysis.runs.frame_address import FrameAddresses
from whichway.analysis.runs.inversion import invert
from whichway.analysis.runs.inversion_store import InversionStore

SMALL = Sampling(num_inference_steps=2, guidance_scale=3.0, height=32, width=32)
QUICK = {"trial": 2, "iterations": 2, "nearest": 0, "captions": ("a fox", "two pandas at night", "a red car")}
COMMAND = ("--steps", "1", "--height", "32", "--width", "32", "--device", "cpu")


@pytest.fixture(scope="module")
def model():
    return Model("tiny", stable_diffusion())


@pytest.fixture
def photograph(tmp_path, monkeypatch):
    """A picture in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("photo.png")
    return "photo.png"


def settings_of(photograph, **changes):
    return InversionSettings(photograph, sampling=SMALL, **QUICK | changes)


# --- reading a photograph ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("picture", "name", "change"),
    [
        (Image.new("CMYK", (32, 32), (0, 255, 255, 0)), "p.jpg", "CMYK made RGB"),
        (Image.new("RGBA", (32, 32), (255, 0, 0, 0)), "p.png", "transparency laid on white"),
        (Image.new("L", (32, 32), 7), "p.png", "grey made RGB"),
        (Image.fromarray(np.full((32, 32), 257 * 7, np.uint16)), "p.png", "16 bit made 8"),
        (Image.new("RGB", (64, 64)), "p.png", "64 × 64 pixels resized to 32 × 32"),
        (Image.new("RGB", (96, 48)), "p.png", "96 × 48 pixels resized to 32 × 32, of its middle part"),
    ],
    ids=["cmyk", "alpha", "grey", "16-bit", "size", "shape"],
)
def test_what_is_done_to_a_picture_is_said(tmp_path, picture, name, change):
    picture.save(tmp_path / name)
    read = read_photograph(tmp_path / name, 32, 32)
    assert read.pixels.shape == (32, 32, 3)
    assert read.pixels.dtype == np.uint8
    assert any(change in each for each in read.changes)


def test_pixels_survive_their_mode(tmp_path):
    Image.fromarray(np.full((32, 32), 257 * 7, np.uint16)).save(tmp_path / "deep.png")
    assert (read_photograph(tmp_path / "deep.png", 32, 32).pixels == 7).all()
    Image.new("RGBA", (32, 32), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (read_photograph(tmp_path / "clear.png", 32, 32).pixels == 255).all()
    Image.new("RGBA", (32, 32), (9, 8, 7, 255)).save(tmp_path / "opaque.png")
    opaque = read_photograph(tmp_path / "opaque.png", 32, 32)
    assert (opaque.pixels == (9, 8, 7)).all()
    assert opaque.changes == ()


def test_the_first_frame_of_an_animation_is_taken(tmp_path):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    read = read_photograph(tmp_path / "film.gif", 32, 32)
    assert "the first of its 2 frames" in read.changes
    assert (read.pixels == (255, 0, 0)).all()


def test_what_is_no_picture_is_refused_in_one_line(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UserError, match="no picture that Pillow reads"):
        read_photograph(tmp_path / "text.png", 32, 32)
    with pytest.raises(UserError, match="No such file"):
        read_photograph(tmp_path / "missing.png", 32, 32)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)).save(tmp_path / "whole.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "whole.png").read_bytes()[:1000])
    with pytest.raises(UserError, match="is damaged"):
        read_photograph(tmp_path / "half.png", 32, 32)


def test_psnr_of_a_known_error():
    black = np.zeros((4, 4, 3), np.uint8)
    assert psnr(black, black + 1) == pytest.approx(48.13, abs=0.01)
    assert psnr(black, black) == 99


# --- the search -------------------------------------------------------------------------------------------------------


def test_offsets_of_one_standard_deviation_have_an_excess_of_one(model):
    encoded = model.encode(QUICK["captions"])
    prior, start = PartsPrior.of_captions(encoded), encoded[0]
    moved = prior.move(start, {name: torch.ones_like(z) for name, z in no_offsets(start).items()})
    assert float(prior.excess(start, moved)) == pytest.approx(1, abs=1e-3)
    still = prior.move(start, no_offsets(start))
    assert torch.equal(still.cloud.rows, start.cloud.rows)
    assert float(prior.excess(start, still)) == 0


def test_a_picture_that_the_model_has_made_is_approached(model, photograph):
    """From another prompt, towards the image of one."""
    [image] = model.render(model.encode(["a red car"]), SMALL)
    Image.fromarray(image).save(photograph)
    [start] = model.render(model.encode([""]), SMALL)
    inversion = invert(settings_of(photograph, iterations=12), model=model, progress=False)
    assert inversion.record["inverted"]["psnr"] > psnr(image, start) + 1
    given = invert(settings_of(photograph, prompts=("a red car",)), model=model, progress=False)
    assert given.record["start"] == "a red car"
    assert given.record["inverted"]["psnr"] == 99


def test_what_was_found_is_on_disk_and_renders_as_the_record_says(model, photograph):
    inversion = invert(settings_of(photograph), model=model, progress=False)
    assert {"conditioning.safetensors", "inversion.json", "inversion.png", "photograph.png"} <= {
        path.name for path in inversion.folder.iterdir()
    }
    read = read_conditionings(inversion.folder / "conditioning.safetensors")["photograph"]
    [image] = model.render([read], SMALL)
    assert np.array_equal(image, np.asarray(Image.open(inversion.folder / "inverted.png")))
    assert inversion.record["inverted"]["psnr"] == psnr(image, np.asarray(Image.open(photograph)))
    assert json.loads((inversion.folder / "inversion.json").read_text())["start"] == ""


@pytest.mark.parametrize("stop", [1, 3])
def test_an_interrupted_search_ends_as_one_that_was_not(model, photograph, monkeypatch, tmp_path, stop):
    """In the trial, and after it."""
    settings = settings_of(photograph, prompts=("a panda",))
    whole = invert(settings, model=model, out=tmp_path / "whole", progress=False)
    write, written = InversionStore.write, []

    def interrupted(store, descents):
        write(store, descents)
        written.append(len(descents))
        if len(written) == stop:
            raise KeyboardInterrupt

    monkeypatch.setattr(InversionStore, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        invert(settings, model=model, out=tmp_path / "parts", progress=False)
    resumed = invert(settings, model=model, out=tmp_path / "parts", progress=False)
    assert len(written) == 4  # no iteration was done twice
    assert torch.equal(resumed.conditioning.cloud.rows, whole.conditioning.cloud.rows)
    assert resumed.record["objectives"] == whole.record["objectives"]


def test_starts_are_the_empty_prompt_given_ones_and_the_nearest_captions(model, monkeypatch):
    scorer = TextImageScorer(
        "likes long captions",
        text=lambda captions: torch.tensor([[len(caption), 4.0 - len(caption)] for caption in captions]),
        vision=lambda images: torch.tensor([[1.0, 0.0]]),
    )
    monkeypatch.setattr(starts, "miniature_towers", lambda: scorer)
    pixels = np.zeros((32, 32, 3), np.uint8)
    settings = InversionSettings("photo.png", ("a boat",), nearest=2, captions=("a", "abcd", "ab", "abc"))
    assert starts.starting_prompts(model, pixels, settings, print) == ["", "a boat", "abcd", "abc"]
    monkeypatch.setattr(starts, "draws_the_world", lambda pipeline: False)
    monkeypatch.setattr(starts, "installed_clip", lambda: None)
    lines = []
    assert starts.starting_prompts(model, pixels, settings, lines.append) == ["", "a boat"]
    assert "no CLIP" in lines[0]


def test_a_family_with_several_clouds_and_a_vector_moves_all_of_them(tiny_model, photograph):
    sdxl = tiny_model("sdxl")
    inversion = invert(settings_of(photograph, trial=1, iterations=1), model=sdxl, progress=False)
    [start] = sdxl.encode([""])
    moved = inversion.conditioning
    assert set(moved.clouds) == set(start.clouds)
    assert all(not torch.equal(moved.clouds[name].rows, cloud.rows) for name, cloud in start.clouds.items())
    assert all(not torch.equal(moved.vectors[name], vector) for name, vector in start.vectors.items())


# --- the noise --------------------------------------------------------------------------------------------------------


def test_ddim_run_backwards_and_forwards_again():
    """Without guidance the image comes out that went in, as far as the autoencoder keeps it; from seeded noise not."""
    miniature = load_model()
    [text] = miniature.encode(["a red car at night"])
    forth = Sampling(num_inference_steps=10, guidance_scale=1.0)
    [image] = miniature.render([text], replace(forth, seed=1))
    kept = reconstruct(miniature, image)
    noise = GivenNoise(invert_noise(miniature, kept.latents, text, forth))
    back, seeded = miniature.render([with_noise(text, noise), text], forth)
    assert psnr(back, kept.pixels) > psnr(seeded, kept.pixels) + 6


def test_frames_from_other_noise_have_other_addresses(model):
    [text] = model.encode(["a red car"])
    shape = (1, 4, 16, 16)
    addresses = FrameAddresses(model, SMALL)
    noises = [GivenNoise(torch.zeros(shape)), GivenNoise(torch.ones(shape)), GivenNoise(torch.ones(shape))]
    first, second, third = (addresses.of(with_noise(text, noise)) for noise in noises)
    assert second == third
    assert len({first, second, addresses.of(text)}) == 3


def test_noise_of_its_own_goes_with_no_path(model, photograph):
    inversion = invert(settings_of(photograph, noise="ddim", trial=1, iterations=0), model=model, progress=False)
    assert (inversion.folder / "noise.safetensors").is_file()
    with pytest.raises(UserError, match="noise of its own"):
        model.encode([f"@{inversion.folder}"])
    with pytest.raises(UserError, match="was not inverted with this model"):
        model.encode([f"@{photograph}"])
    with pytest.raises(UserError, match="wanted --scheduler ddim"):
        invert(replace(settings_of(photograph, noise="ddim"), sampling=replace(SMALL, scheduler="dpm")), model=model)


# --- in the place of a prompt -----------------------------------------------------------------------------------------


def test_a_photograph_stands_where_a_prompt_may_stand(model, photograph):
    inversion = invert(settings_of(photograph), model=model, progress=False)
    by_file, by_folder, text = model.encode([f"@{photograph}", f"@{inversion.folder}", "a fox"])
    assert torch.equal(by_file.cloud.rows, inversion.conditioning.cloud.rows)
    assert torch.equal(by_folder.cloud.rows, by_file.cloud.rows)
    assert torch.equal(text.cloud.rows, model.encode(["a fox"])[0].cloud.rows)
    Image.new("RGB", (32, 32)).save(photograph)  # another photograph of the same name
    with pytest.raises(UserError, match=r"was not inverted with this model; first: whichway invert photo\.png"):
        model.encode([f"@{photograph}"])


def test_two_at_signs_are_a_text_and_one_before_nothing_is_a_line(model, photograph):
    doubled, plain = model.encode(["@@fox", "a fox"])
    assert doubled.cloud.source == "@fox"
    assert plain.cloud.source == "a fox"
    with pytest.raises(UserError, match=r"'@missing.png': no such file; wanted @ and a photograph"):
        model.encode(["@missing.png"])
    with pytest.raises(UserError, match="negative prompt: a photograph"):
        model.encode_negative(f"@{photograph}")
    with pytest.raises(UserError, match="holds no finished inversion"):
        model.encode(["@."])


def test_distances_of_a_photograph_that_was_inverted_anew_are_no_longer_those_on_disk(model, photograph):
    invert(settings_of(photograph), model=model, progress=False)
    settings = DistanceSettings((f"@{photograph}", "a fox"))
    first = measure_all(settings, Path("d.npy"), model=model, progress=False)["text"].matrix[0, 1]
    assert measure_all(settings, Path("d.npy"), model=model, progress=False)["text"].matrix[0, 1] == first > 0
    invert(settings_of(photograph, iterations=3), model=model, progress=False)
    with pytest.raises(UserError, match="photographs"):
        measure_all(settings, Path("d.npy"), model=model, progress=False)


def test_an_inversion_of_another_model_is_refused(model, tiny_model, photograph):
    inversion = invert(settings_of(photograph), model=model, progress=False)
    with pytest.raises(UserError, match="was inverted with another model"):
        tiny_model("sdxl").encode([f"@{inversion.folder}"])


def test_compare_inverts_what_was_not_inverted_and_ends_in_the_photograph(model, photograph, monkeypatch):
    monkeypatch.setattr(inversion_module, "plain_captions", lambda: QUICK["captions"])
    monkeypatch.setattr(starts, "plain_captions", lambda: QUICK["captions"])
    monkeypatch.setattr(
        "whichway.analysis.runs.photographs.InversionSettings", lambda *a, **k: InversionSettings(*a, **QUICK | k)
    )
    settings = ComparisonSettings(
        "a fox", f"@{photograph}", ("optimal",), frames=3, perceptual_distance="ssim", sampling=SMALL
    )
    lines = []
    comparison = compare(settings, model=model, report=lines.append)
    assert comparison.endpoint_check.passed
    assert any("not inverted under this sampling yet" in line for line in lines)
    lines.clear()
    compare(replace(settings, sampling=replace(SMALL, seed=1)), model=model, report=lines.append)
    assert any("not inverted under this sampling yet" in line for line in lines)
    [folder] = [
        path for path in inversion_module.FOLDER.glob("photo-*") if '"seed": 1' in (path / "inversion.json").read_text()
    ]
    lines.clear()
    compare(replace(settings, prompt_b=f"@{folder}"), model=model, report=lines.append)
    assert any("another sampling" in line for line in lines)


def test_the_command_says_in_one_line_what_is_wrong(photograph, tiny_pipeline_folder):
    def run(*arguments):
        result = CliRunner().invoke(main, [*map(str, arguments), *COMMAND, "--model", str(tiny_pipeline_folder)])
        return result.exit_code, result.output

    code, output = run("invert", "missing.png")
    assert (code, "cannot read 'missing.png'" in output) == (2, True)
    code, output = run("invert", photograph, "--perceptual-distance", "ssim")
    assert (code, "has no gradient" in output) == (2, True)
    code, output = run(
        "invert", photograph, "--nearest", "0", "--trial", "1", "--scheduler", "euler-ancestral", "--steps", "2"
    )
    assert (code, "wanted a deterministic one" in output or "want a deterministic one" in output) == (2, True)
    code, output = run("invert", photograph, photograph, "--out", "one")
    assert (code, "a folder holds one inversion" in output) == (2, True)
    code, output = run("compare", "a fox", "a panda", "--negative", f"@{photograph}", "--frames", "2")
    assert (code, "negative prompt: a photograph" in output) == (2, True)
    code, output = run("invert", photograph, "--nearest", "0", "--trial", "1", "--iterations", "1")
    assert code == 0, output
    assert "PSNR" in output
