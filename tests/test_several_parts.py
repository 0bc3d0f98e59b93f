"""SDXL, SD 3 and Flux, whose texts have several parts, through the product: each part apart, and what it did."""

import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from tests.tiny_pipelines import BUILDERS
from whichway.analysis.clouds.distances import DistanceSettings, measure_all
from whichway.analysis.command.tables import show_comparison
from whichway.analysis.errors import UserError
from whichway.analysis.explorer.exploration import Exploration
from whichway.analysis.explorer.export import export
from whichway.analysis.explorer.settings import ExplorerSettings
from whichway.analysis.geodesics.settings import GeodesicSettings
from whichway.analysis.images.rendering import render
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.model import Model
from whichway.analysis.prompts.pairs import PromptPair
from whichway.analysis.runs.comparison import compare
from whichway.analysis.runs.comparison_settings import ComparisonSettings
from whichway.analysis.runs.prompt_map import MapSettings, draw_prompt_map
from whichway.analysis.runs.saved_comparison import read_comparison
from whichway.analysis.smoothness.perceptual_distance import perceptual_distance
from whichway.analysis.statistics import estimates
from whichway.analysis.study.default_methods import joinable_methods
from whichway.analysis.study.report import write_report
from whichway.analysis.study.results import encoders_of, read_changes
from whichway.analysis.study.settings import StudySettings
from whichway.analysis.study.study import run_study
from whichway.geometry import wasserstein

FOX, PANDA = "a large fox on a blue background", "a panda on a pink background"
SMALL = Sampling(num_inference_steps=1, height=32, width=32)
#: family → its encoders
ENCODERS = {"sdxl": ("clip",), "sd3": ("clip", "t5"), "flux": ("t5",)}


@pytest.fixture(scope="module", params=[*ENCODERS])
def model(request):
    return Model(request.param, BUILDERS[request.param]())


@pytest.fixture(scope="module")
def sd3():
    return Model("sd3", BUILDERS["sd3"]())


def comparison_settings(*methods, **options):
    options = {"perceptual_distance": "ssim", "frames": 3, "sampling": SMALL} | options
    return ComparisonSettings(FOX, PANDA, methods=methods, **options)


def test_a_comparison_tells_its_parts_apart(model, tmp_path):
    encoders = ENCODERS[model.name]
    comparison = compare(comparison_settings("optimal", "spherical"), out=tmp_path / "run", model=model)
    assert comparison.endpoint_check.passed
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["distances"]["distance_pooled"] > 0
    assert 0 < metrics["distances"]["angle_pooled"] < 180
    for encoder in encoders:
        suffix = f"_{encoder}" if len(encoders) > 1 else ""
        of_clouds = metrics["distances"][f"wasserstein{suffix}"]
        assert of_clouds <= metrics["distances"][f"rms_frobenius{suffix}"]
        assert metrics["methods"]["optimal"][f"length{suffix}"] == pytest.approx(of_clouds)
    change = metrics["change_by_part"]
    assert change["method"] == "optimal"
    assert set(change["end"]) == {"everything", "rows", "pooled", *(encoders if len(encoders) > 1 else ())}
    assert min(change["end"].values()) > 0
    saved = read_comparison(tmp_path / "run")
    assert saved.results == comparison.results
    assert set(saved.rendered.clouds) == set(encoders)
    for name in ("coupling.png", "projection.png", "change_by_part.png"):
        with Image.open(tmp_path / "run" / name) as picture:
            assert np.asarray(picture.convert("L")).std() > 5
    text = StringIO()
    show_comparison(comparison, Console(file=text, width=120))
    assert "What carried the change?" in text.getvalue()
    assert "pooled vector only" in text.getvalue()
    assert ("rows of clip only" in text.getvalue()) == (len(encoders) > 1)


def test_a_geodesic_of_several_clouds_is_found_and_read_again(sd3, tmp_path):
    """Each encoder's rows are free, the pooled vector goes its way; what moved alone needs a path that is there."""
    options = {"perceptual_distance": "lpips", "frames": 4, "geodesic": GeodesicSettings(iterations=1, tolerance=0)}
    comparison = compare(comparison_settings("geodesic@start", **options), out=tmp_path / "run", model=sd3)
    assert comparison.endpoint_check.passed
    assert comparison.change_by_part.method == "optimal"
    saved = read_comparison(tmp_path / "run")
    assert saved.results == comparison.results
    path, frames = saved.rendered.paths["geodesic@start"], saved.rendered.frames["geodesic@start"]
    assert set(path.clouds) == {"clip", "t5"}
    assert torch.equal(path(0.5).vectors["pooled"], path(0.0).vectors["pooled"])
    times = saved.rendered.times["geodesic@start"]
    np.testing.assert_array_equal(frames, render(sd3, [path(t) for t in times], SMALL, batch_size=4))


def test_what_moved_alone_is_what_was_rendered(sd3, tmp_path):
    """The images are made again here, from conditionings put together by hand."""
    comparison = compare(comparison_settings("identity"), out=tmp_path / "run", model=sd3)
    a, b = sd3.encode([FOX, PANDA])
    alone = {
        "everything": b,
        "rows": replace(a, clouds=b.clouds),
        "clip": replace(a, clouds=a.clouds | {"clip": b.clouds["clip"]}),
        "t5": replace(a, clouds=a.clouds | {"t5": b.clouds["t5"]}),
        "pooled": replace(a, vectors=b.vectors),
    }
    images = sd3.render([a, *alone.values()], SMALL)
    expected = perceptual_distance("ssim", np.stack([images[0]] * 5), images[1:])
    assert comparison.change_by_part.method == "identity"
    assert list(comparison.change_by_part.end) == list(alone)
    assert list(comparison.change_by_part.end.values()) == pytest.approx(expected, abs=1e-3)
    assert comparison.change_by_part.halfway["rows"] < comparison.change_by_part.end["rows"]


def test_a_held_vector_has_an_end_of_its_own_to_be_checked_against(sd3, tmp_path):
    methods = ("optimal", "random@start", "random@end")
    comparison = compare(comparison_settings(*methods), out=tmp_path / "run", model=sd3)
    assert comparison.endpoint_check.passed
    frames = read_comparison(tmp_path / "run").rendered.frames
    a, b = sd3.encode([FOX, PANDA])
    rows_alone, first_of_held = sd3.render([replace(b, vectors=a.vectors), replace(a, vectors=b.vectors)], SMALL)
    assert np.abs(frames["random@start"][-1].astype(int) - rows_alone).max() <= 1
    assert np.abs(frames["random@end"][0].astype(int) - first_of_held).max() <= 1
    assert np.abs(frames["random@start"][-1].astype(int) - frames["optimal"][-1]).max() > 5
    changed = comparison.change_by_part.end  # of A's and B's own vectors, whatever the methods hold
    assert changed["pooled"] > 0


def test_each_part_has_a_matrix_and_a_map(sd3, tmp_path):
    prompts = (FOX, PANDA, "a red car at night", "a blue boat")
    measured = measure_all(DistanceSettings(prompts), tmp_path / "D.npy", model=sd3, progress=False)
    assert sorted(path.name for path in tmp_path.glob("*.npy")) == ["D-clip.npy", "D-pooled.npy", "D-t5.npy"]
    a, b = sd3.encode(prompts[:2])
    assert measured["t5"].matrix[0, 1] == pytest.approx(wasserstein(a.clouds["t5"], b.clouds["t5"]), rel=1e-5)
    pooled = float((a.vectors["pooled"] - b.vectors["pooled"]).norm())
    assert measured["pooled"].matrix[0, 1] == pytest.approx(pooled, rel=1e-5)
    settings = MapSettings(prompts, projection="mds", images=False, parts=("t5", "pooled"))
    pictures = draw_prompt_map(settings, out=tmp_path / "map", model=sd3)
    assert [path.name for path in pictures] == ["map-t5.png", "map-pooled.png"]
    assert json.loads((tmp_path / "map" / "map-t5.json").read_text())["points"].keys() == set(prompts)


def test_a_study_measures_and_reports_each_part(sd3, tmp_path, monkeypatch):
    monkeypatch.setattr(estimates, "RESAMPLES", 49)
    pairs = [PromptPair(FOX, PANDA), PromptPair(FOX, "a red car at night"), *(PromptPair(PANDA, f"{n}") for n in "abc")]
    settings = StudySettings(
        ("identity", "optimal"),
        frames=3,
        seeds=1,
        perceptual_distances=("ssim",),
        model=ModelChoice("sd3"),
        sampling=SMALL,
    )
    results = run_study(settings, pairs, tmp_path, model=sd3, progress=False)
    assert encoders_of(results) == ("clip", "t5")
    optimal = results[results["method"] == "optimal"]
    for encoder in ("clip", "t5"):
        w2 = optimal[f"wasserstein_{encoder}"].to_numpy()
        assert optimal[f"length_{encoder}"].to_numpy() == pytest.approx(w2, rel=1e-5)
        assert optimal[f"path_wasserstein_{encoder}"].to_numpy() == pytest.approx(w2, rel=1e-4)
    assert "wasserstein" not in results
    assert (results["distance_pooled"] > 0).all()
    changes = read_changes(tmp_path)
    assert set(changes["method"]) == {"everything", "rows", "clip", "t5", "pooled"}
    assert len(changes) == 5 * len(pairs)
    page, *_ = write_report(tmp_path)
    text = page.read_text()
    assert "What carried the change" in text
    assert "rows of t5 only" in text
    assert "Beside the rows a text is a pooled vector" in text
    for name in ("distances_clip", "distances_t5", "geometry_t5", "steps_clip"):
        assert (tmp_path / "figures" / f"{name}.png").is_file()


def test_a_study_leaves_out_what_the_model_cannot_go_by(sd3):
    left_out = []
    settings = StudySettings(("identity", "optimal@cross-attention", "aid-inner", "mixture"))
    assert joinable_methods(settings, sd3, left_out.append) == ("identity", "mixture")
    assert [line.split(":")[1].strip() for line in left_out] == ["optimal@cross-attention", "aid-inner"]
    with pytest.raises(UserError, match="none of aid-inner can join two texts of Stable Diffusion 3"):
        joinable_methods(StudySettings(("aid-inner",)), sd3)


def test_the_explorer_shows_each_part(sd3, tmp_path):
    settings = ExplorerSettings(
        (FOX, PANDA),
        ("optimal",),
        frames=3,
        perceptual_distance="ssim",
        model=ModelChoice("sd3"),
        sampling=SMALL,
        pooled="spherical",
    )
    exploration = Exploration(settings, sd3, tmp_path)
    messages = {message.content["kind"]: message.content for message in exploration.look(lambda: None, lambda: 0.0)}
    [leg] = messages["geometry"]["legs"]
    assert [cloud["encoder"] for cloud in leg["clouds"]] == ["clip", "t5"]
    assert [vector["name"] for vector in leg["vectors"]] == ["pooled"]
    assert [(each["method"], each["encoder"]) for each in leg["couplings"]] == [("optimal", "clip"), ("optimal", "t5")]
    assert set(messages["map"]["views"]) == {
        f"{view}, {encoder}" for view in ("frobenius", "wasserstein") for encoder in ("clip", "t5")
    }
    script = export(exploration, ".py").decode()
    compile(script, "script.py", "exec")
    assert "optimal@euclidean@all@spherical" in script
