"""What gets better in the explorer while one watches: geodesics, and times at which frames look equally far apart."""

from concurrent.futures import CancelledError

import numpy as np
import pytest
import torch

from whichway.analysis import Sampling, load_model
from whichway.analysis.errors import UserError
from whichway.analysis.explorer.exploration import Exploration
from whichway.analysis.explorer.export import export
from whichway.analysis.explorer.settings import ExplorerSettings
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.runs import comparison
from whichway.analysis.runs.saved_comparison import read_comparison

PROMPTS = ("a fox on a blue background", "a panda on a pink background")


@pytest.fixture(scope="module")
def miniature():
    return load_model("miniature", device="cpu")


@pytest.fixture(scope="module")
def tiny(tiny_pipeline_folder):
    """Random weights and 16 pixels: enough for how a search goes, though not for what it shows."""
    return load_model(str(tiny_pipeline_folder), device="cpu")


def settings_of(*methods, **changes):
    sampling = Sampling(num_inference_steps=2, guidance_scale=1.0)
    return ExplorerSettings(PROMPTS, methods, **{"frames": 3, "geodesic_iterations": 2, "sampling": sampling} | changes)


def look(exploration, check=lambda: None):
    return [message.content for message in exploration.look(check, lambda: 0.5)]


def test_a_geodesic_begins_as_the_optimal_path_and_ends_as_a_comparison_finds_it(miniature, tmp_path, monkeypatch):
    settings = settings_of("geodesic", model=ModelChoice(device="cpu"))
    exploration = Exploration(settings, miniature, tmp_path / "explorer")
    messages = look(exploration)
    searched = [content for content in messages if content["kind"] == "searched"]
    assert [each["iteration"] for each in searched] == [0, 1, 2]
    assert searched[0]["share"] == 1
    assert searched[-1]["share"] < 1
    kinds = [content["kind"] for content in messages]
    last = kinds.index("searched")
    assert kinds[:last].count("frame") == 3  # there is something to see before the search
    assert "frame" in kinds[last:]
    assert kinds[-2:] == ["map", "done"]
    monkeypatch.setattr(comparison, "draw_comparison_pictures", lambda *_: [])
    monkeypatch.chdir(tmp_path)  # into which the Python that is saved writes its comparison
    scope: dict = {}
    exec(export(exploration, ".py").decode(), scope)
    frames = np.stack([exploration.seen.frames["geodesic"][k] for k in range(3)])
    assert np.abs(frames.astype(int) - scope["frames"]["geodesic"]).max() <= 1
    of_comparison = read_comparison(scope["comparison"].folder).rendered.paths["geodesic"]
    of_explorer = exploration.seen.legs[0].paths["geodesic"]
    torch.testing.assert_close(of_explorer(0.5).cloud.rows, of_comparison(0.5).cloud.rows)
    energy = scope["comparison"].results["geodesic"].smoothness.energy
    assert exploration.seen.smoothness("geodesic").energy == pytest.approx(energy, rel=1e-3)
    again = look(Exploration(settings, miniature, tmp_path / "explorer"))
    assert [each["iteration"] for each in again if each["kind"] == "searched"] == [2]  # kept


def test_a_search_that_is_stopped_goes_on(tiny, tmp_path):
    messages, iterations = [], []

    def stop():
        iterations[:] = [content["iteration"] for content in messages if content["kind"] == "searched"]
        if iterations:
            raise CancelledError

    exploration = Exploration(settings_of("geodesic"), tiny, tmp_path)
    with pytest.raises(CancelledError):
        messages.extend(message.content for message in exploration.look(stop, lambda: 0.0))
    goes_on = look(Exploration(settings_of("geodesic"), tiny, tmp_path))
    assert iterations + [each["iteration"] for each in goes_on if each["kind"] == "searched"] == [0, 0, 1, 2]


def test_frames_are_moved_to_where_they_look_equally_far_apart(miniature, tmp_path):
    exploration = Exploration(settings_of("optimal", parametrisation="perceptual", frames=5), miniature, tmp_path)
    messages = look(exploration)
    [retimed] = [content for content in messages if content["kind"] == "retimed"]
    [paths] = [content for content in messages if content["kind"] == "paths"]
    assert paths["taken"] == {"optimal": [0, 0.25, 0.5, 0.75, 1]}
    assert retimed["taken"] == exploration.seen.times("optimal")
    assert retimed["taken"] != paths["taken"]["optimal"]
    evenly_in_t = [content for content in messages[: messages.index(retimed)] if "measures" in content][-1]
    assert exploration.seen.smoothness("optimal").worst_step < evenly_in_t["measures"]["worst_step"]


def test_a_pipeline_that_is_loaded_has_its_dtype(tiny_pipeline_folder, tmp_path, monkeypatch):
    from diffusers import DiffusionPipeline

    from whichway.analysis.explorer import Explorer

    messages = []
    monkeypatch.setattr(Explorer, "send", lambda self, content, buffers=None: messages.append(content))
    own = DiffusionPipeline.from_pretrained(tiny_pipeline_folder)
    quick = {"num_inference_steps": 1, "guidance_scale": 1.0, "perceptual_distance": "ssim", "frames": 2}
    explorer = Explorer(model=own, prompts=[*PROMPTS], folder=tmp_path, **quick)
    explorer.wait(60)
    assert messages[-1]["kind"] == "done"
    explorer.dtype = "float16"
    assert messages[-1]["text"].endswith("wanted auto, or a pipeline built in float16")
    explorer.dtype, name = "auto", explorer.model
    for each in (str(tiny_pipeline_folder), name):  # to another model, and back to one that no name leads to
        explorer.model = each
        explorer.wait(60)
        assert messages[-1]["kind"] == "done"
    assert explorer._exploration.model.pipeline is own
    explorer.close()


def test_another_dtype_is_another_model(tiny_pipeline_folder, tmp_path, monkeypatch):
    from whichway.analysis.explorer import Explorer

    monkeypatch.setattr(Explorer, "send", lambda self, content, buffers=None: None)
    quick = {"num_inference_steps": 1, "guidance_scale": 1.0, "perceptual_distance": "ssim", "frames": 2}
    explorer = Explorer(model=str(tiny_pipeline_folder), prompts=[*PROMPTS], folder=tmp_path, **quick)
    explorer.wait(60)
    assert str(explorer._exploration.model.dtype) == "torch.float32"
    explorer.dtype = "float64"
    explorer.wait(60)
    assert str(explorer._exploration.model.dtype) == "torch.float64"
    explorer.close()


def test_settings_that_make_no_sense_are_refused_before_a_model_is_loaded():
    with pytest.raises(UserError, match=r"geodesic iterations: wanted 1 to 1,000,000, got 0"):
        settings_of("geodesic", geodesic_iterations=0)
    with pytest.raises(UserError, match="parametrisation: unknown 'fast'"):
        settings_of("optimal", parametrisation="fast")
