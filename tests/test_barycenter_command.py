"""Triangles and squares of barycenters: the weights, the command, and what stands at the corners."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from whichway.analysis.command.main import main
from whichway.analysis.images.rendering import render
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import load_model
from whichway.analysis.pictures.barycenters import draw_barycenters
from whichway.analysis.prompts.encoding import encode
from whichway.analysis.runs.barycenters import grid_weights

PROMPTS = ("a fox", "a panda", "a red car", "a house")


@pytest.mark.parametrize(("corners", "count"), [(3, 10), (4, 16)])
def test_weights_are_shares_and_the_corners_are_pure(corners, count):
    grid = grid_weights(corners, 4)
    assert len(grid) == len(set(grid)) == count
    assert np.sum(grid, axis=1) == pytest.approx(1)
    assert np.min(grid) >= 0
    pure = [weights.index(1) for weights in grid if 1 in weights]
    assert pure == list(range(corners))


@pytest.fixture
def run(tiny_pipeline_folder, tmp_path):
    def barycenter(*arguments):
        options = ["--model", str(tiny_pipeline_folder), "--steps", "1", "--device", "cpu", "--side", "3"]
        return CliRunner().invoke(main, ["barycenter", *options, "--out", str(tmp_path / "run"), *arguments])

    return barycenter


@pytest.mark.parametrize("corners", [3, 4])
def test_the_corners_are_the_prompts_images_and_nothing_is_rendered_twice(run, tmp_path, tiny_pipeline_folder, corners):
    result = run(*PROMPTS[:corners])
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "run" / "barycenters.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 5
    frames = tmp_path / "run" / "frames"
    index = json.loads((tmp_path / "run" / "frames.json").read_text())
    assert len(index) == len(grid_weights(corners, 3)) == len(list(frames.glob("*.png")))
    model = load_model(str(tiny_pipeline_folder), device="cpu")
    wanted = render(
        model, [encode(model, prompt) for prompt in PROMPTS[:corners]], Sampling(num_inference_steps=1)
    ).astype(int)
    for corner, image in enumerate(wanted):
        name = "-".join("1.0000" if k == corner else "0.0000" for k in range(corners))
        assert np.abs(np.asarray(Image.open(frames / f"{index[name]['']}.png")) - image).max() <= 1
    assert "0 to render" in run(*PROMPTS[:corners]).output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a", "b"], "wanted 3 prompts (a triangle) or 4 (a square), or weights for any number, got 2"),
        (["a", "b", "c", "--side", "1"], "side: wanted 2 to 100"),
        (["a", "b", "c", "--guidance", "nan"], "guidance_scale: wanted a finite number"),
    ],
)
def test_bad_input_is_one_line_and_exit_status_2(run, arguments, said):
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize("corners", [3, 4])
def test_the_picture_has_every_image_and_every_prompt_inside_it(corners):
    images = np.zeros((len(grid_weights(corners, 3)), 4, 4, 3), dtype=np.uint8)
    figure = draw_barycenters(images, PROMPTS[:corners], 3)
    assert len(figure.axes) == len(images)
    assert [text.get_text() for text in figure.texts] == [f"“{prompt}”" for prompt in PROMPTS[:corners]]
    for axis in figure.axes:
        box = axis.get_position()
        assert 0 <= box.x0 < box.x1 <= 1
        assert 0 <= box.y0 < box.y1 <= 1


def test_weights_have_one_image_that_does_not_depend_on_the_order_of_the_prompts(run, tmp_path):
    """Five prompts, twice in other orders, in one folder each: the frame between them is the same file."""
    shares = {"a fox": 0.3, "a panda": 0.1, "a red car": 0.2, "a house": 0.25, "a blue boat": 0.15}
    frames = []
    for number, order in enumerate((list(shares), list(reversed(shares)))):
        folder = tmp_path / f"run{number}"
        weights = ",".join(str(shares[prompt]) for prompt in order)
        result = run(*order, "--weights", weights, "--out", str(folder))
        assert result.exit_code == 0, result.output
        index = json.loads((folder / "frames.json").read_text())
        [between] = [name for name in index if "1.0000" not in name]
        assert len(index) == 6
        with Image.open(folder / "frames" / f"{index[between]['']}.png") as image:
            frames.append((index[between][""], np.asarray(image)))
        with Image.open(folder / "barycenters.png") as picture:
            assert np.asarray(picture.convert("L")).std() > 5
    assert frames[0][0] == frames[1][0]
    assert np.array_equal(frames[0][1], frames[1][1])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("1,2", "weights: wanted 3, one for each prompt, got 2"),
        ("1,2,-1", "weights: wanted a finite number of at least 0, got -1"),
        ("1,2,x", "weights: wanted numbers separated by commas, got '1,2,x'"),
        ("0,0,0", "weights: wanted at least one above 0"),
        ("nan,1,1", "weights: wanted a finite number of at least 0, got nan"),
    ],
)
def test_weights_that_are_none_are_refused(run, weights, message):
    result = run("a", "b", "c", "--weights", weights)
    assert result.exit_code == 2
    assert message in result.output
    assert result.output.count("\n") == 1
