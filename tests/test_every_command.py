"""Each command once with a tiny model of each family, loaded from a folder as a user's would be."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tests.tiny_pipelines import BUILDERS
from whichway.analysis.command.main import main
from whichway.analysis.explorer.exploration import Exploration
from whichway.analysis.explorer.settings import ExplorerSettings
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.model import load_model
from whichway.analysis.prompts.pairs import PromptPair
from whichway.analysis.study.settings import StudySettings
from whichway.analysis.study.study import run_study

A, B, C = "a large fox on a blue background", "a panda on a pink background", "a red car at night"
QUICK = ("--steps", "1", "--height", "32", "--width", "32", "--device", "cpu")
SMALL = Sampling(num_inference_steps=1, height=32, width=32)
#: families whose encoders write hundreds of rows: one method less costs seconds less
METHODS = {"pixart": "identity,optimal,unbalanced", "sana": "identity,optimal,mixture", "sdxl": "optimal,aid-outer"}


@pytest.fixture(scope="module", params=[*BUILDERS])
def family(request):
    return request.param


@pytest.fixture(scope="module")
def folder(family, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / family
    BUILDERS[family]().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return load_model(str(folder), device="cpu")


@pytest.fixture
def run(folder, tmp_path):
    def command(*arguments, exit_code=0):
        result = CliRunner().invoke(main, [*map(str, arguments), "--model", str(folder)])
        assert result.exit_code == exit_code, result.output
        return result.output

    return command


def test_the_folder_is_the_model(model, family):
    """Loaded from disk it makes the images of the pipeline that was saved."""
    built = type(model)(family, BUILDERS[family]())
    images = [each.render(each.encode([A]), SMALL)[0].astype(int) for each in (model, built)]
    assert np.abs(images[0] - images[1]).max() <= 1


def test_compare(run, family, tmp_path):
    out = tmp_path / "run"
    methods = METHODS.get(family, "optimal")
    options = ("--frames", "3", "--methods", methods, "--perceptual-distance", "ssim")
    assert "every path ends in the image of B" in run("compare", A, B, *options, *QUICK, "--out", out)
    metrics = json.loads((out / "metrics.json").read_text())
    assert set(metrics["methods"]) == set(methods.split(","))
    assert metrics["endpoint_check"]["passed"]
    for name in ("filmstrips.png", "coupling.png", "projection.png", "steps.png"):
        with Image.open(out / name) as picture:
            assert np.asarray(picture.convert("L")).std() > 5


def test_animate(run, tmp_path):
    film = tmp_path / "film.gif"
    run("animate", A, B, film, "--frames", "3", *QUICK, "--out", tmp_path / "run")
    with Image.open(film) as opened:
        assert opened.n_frames == 3


def test_barycenter(run, tmp_path):
    run("barycenter", A, B, C, "--side", "2", *QUICK, "--out", tmp_path / "run")
    assert (tmp_path / "run" / "barycenters.png").is_file()


def test_map_and_distances(run, tmp_path):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join((A, B, C, "a blue boat")))
    run("map", prompts, "--projection", "mds", "--no-images", *QUICK, "--out", tmp_path / "map")
    assert list((tmp_path / "map").glob("map*.png"))
    run("distances", prompts, "--device", "cpu", "--out", tmp_path / "D.npy")
    matrices = [np.load(path, allow_pickle=False) for path in tmp_path.glob("D*.npy")]
    assert matrices
    assert all(matrix.shape == (4, 4) and (matrix[0, 1:] > 0).all() for matrix in matrices)


def test_invariance(run, tmp_path):
    records = tmp_path / "records.json"
    run("invariance", "--dtypes", "float32", *QUICK, "--json", records)
    levels = [record["level"] for record in json.loads(records.read_text())]
    assert levels[-2:] == ["denoiser", "image"]
    assert len(levels) > 2


def test_study(model, family, tmp_path):
    settings = StudySettings(
        ("identity", "optimal"),
        frames=3,
        seeds=1,
        perceptual_distances=("ssim",),
        model=ModelChoice(family),
        sampling=SMALL,
    )
    results = run_study(settings, [PromptPair(A, B)], tmp_path, model=model, progress=False)
    assert set(results["method"]) == {"identity", "optimal"}


def test_explorer(model, family, tmp_path):
    settings = ExplorerSettings(
        (A, B), ("optimal",), frames=3, perceptual_distance="ssim", model=ModelChoice(family), sampling=SMALL
    )
    exploration = Exploration(settings, model, tmp_path)
    kinds = {message.content["kind"] for message in exploration.look(lambda: None, lambda: 0.0)}
    assert {"geometry", "map"} <= kinds
