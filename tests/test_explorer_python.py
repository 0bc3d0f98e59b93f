"""Whatever is chosen in the explorer, the Python that it saves runs, reads back what it made, and shows the same."""

import numpy as np
import pytest

from whichway.analysis import Sampling, load_model
from whichway.analysis.explorer.exploration import Exploration
from whichway.analysis.explorer.export import as_python, export
from whichway.analysis.explorer.settings import ExplorerSettings
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.runs import comparison

PROMPTS = ("a fox on a blue background", "a panda on a pink background", "a red car at night")
FAST = {"num_inference_steps": 1, "guidance_scale": 1.0}


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu")


@pytest.mark.parametrize(
    ("methods", "changes", "sampling"),
    [
        (("geodesic", "optimal"), {"ground": "cross-attention", "geodesic_iterations": 1}, {}),
        (("optimal",), {"ground": "cross-attention", "parametrisation": "perceptual"}, {}),
        (("optimal@constant-speed", "random@own"), {"ground": "cosine", "parametrisation": "beta"}, {"seed": 3}),
        (("optimal@cross-attention@own", "aid-inner"), {}, {}),
        (
            ("mixture",),
            {"tokens": "words"},
            {"guidance_scale": 3.0, "negative_prompt": "a boat", "height": 24, "width": 16, "scheduler": "euler"},
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_every_choice_survives_in_the_python_that_is_saved(model, tmp_path, monkeypatch, methods, changes, sampling):
    settings = ExplorerSettings(
        PROMPTS,
        methods,
        frames=3,
        model=ModelChoice(model.name, device="cpu"),
        sampling=Sampling(**FAST | sampling),
        **changes,
    )
    exploration = Exploration(settings, model, tmp_path / "explorer")
    for _ in exploration.look(lambda: None, lambda: 0.5):
        pass
    monkeypatch.chdir(tmp_path)  # into which it writes its comparisons
    monkeypatch.setattr(comparison, "draw_comparison_pictures", lambda *_: [])
    scope: dict = {}
    exec(export(exploration, ".py").decode(), scope)
    for method in methods:
        seen = np.stack([exploration.seen.frames[method][k] for k in range(5)])
        assert np.abs(scope["frames"][method].astype(int) - seen).max() <= 1


def test_how_the_model_was_chosen_is_written_down():
    choice = ModelChoice("some/model", dtype="float16", variant="fp16", loras=("a.safetensors",), offload="model")
    assert (
        "model = load_model('some/model', dtype='float16', variant='fp16', loras=('a.safetensors',), offload='model')\n"
    ) in as_python(ExplorerSettings(PROMPTS, model=choice))
    assert "model = load_model('miniature')\n" in as_python(ExplorerSettings(PROMPTS))
