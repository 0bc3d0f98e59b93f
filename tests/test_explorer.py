"""The explorer without a page: what it tells, in which order, what it keeps, and what it says when it cannot."""

import sys
from concurrent.futures import CancelledError
from io import BytesIO
from itertools import islice
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from PIL import Image

from whichway.analysis import Sampling, encode, load_model, render
from whichway.analysis.errors import UserError
from whichway.analysis.explorer import leg as leg_module
from whichway.analysis.explorer.background import Background
from whichway.analysis.explorer.exploration import Exploration, coarse_to_fine
from whichway.analysis.explorer.export import EXPORTS, as_python, export
from whichway.analysis.explorer.messages import Message
from whichway.analysis.explorer.settings import ExplorerSettings
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.runs import frame_renderer
from whichway.analysis.smoothness.steps import measure_steps
from whichway.geometry import build_path

PROMPTS = ("a fox on a blue background", "a <b>panda</b> & a car")
FAST = Sampling(num_inference_steps=1, guidance_scale=1.0)
QUICK = {"num_inference_steps": 1, "guidance_scale": 1.0, "perceptual_distance": "ssim"}  # as traits


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu")


def explorer_settings(model, prompts, methods, frames):
    return ExplorerSettings(
        prompts,
        methods,
        frames=frames,
        perceptual_distance="ssim",
        model=ModelChoice(model.name),
        sampling=FAST,
    )


@pytest.fixture(scope="module")
def settings(model):
    return explorer_settings(model, PROMPTS, ("optimal", "identity"), frames=5)


def look(exploration, cursor=0.5):
    return list(exploration.look(lambda: None, lambda: cursor))


@pytest.mark.parametrize("count", [2, 3, 5, 8, 17, 30])
def test_from_coarse_to_fine_every_frame_once(count):
    order = coarse_to_fine(count)
    assert sorted(order) == list(range(count))
    assert order[:2] == [0, count - 1]
    if count > 2:
        assert order[2] == (count - 1) // 2


def test_everything_is_told_and_the_frame_under_the_cursor_first(settings, model, tmp_path):
    exploration = Exploration(settings, model, tmp_path)
    messages = look(exploration, cursor=0.75)
    kinds = [message.content["kind"] for message in messages]
    assert kinds[:2] == ["paths", "geometry"]
    assert kinds[-2:] == ["map", "done"]
    told = [message for message in messages if message.content["kind"] == "frame"]
    assert told[0].content["where"][0][1] == 3
    where = [tuple(place) for message in told for place in message.content["where"]]
    assert sorted(where) == sorted((method, k) for method in settings.methods for k in range(5))
    for method in settings.methods:
        path = build_path(method, *(encode(model, prompt) for prompt in PROMPTS))
        plain = render(model, [path(k / 4) for k in range(5)], FAST)
        seen = np.stack([exploration.seen.frames[method][k] for k in range(5)])
        assert np.abs(seen.astype(int) - plain).max() <= 1
        steps = measure_steps(seen, "ssim").steps
        assert exploration.seen.steps[method] == pytest.approx(steps)
        assert exploration.seen.smoothness(method).ppl == pytest.approx(steps.sum())
    with Image.open(BytesIO(told[0].buffers[0])) as picture:
        assert np.array_equal(np.asarray(picture), exploration.seen.frames["optimal"][3])


def test_what_was_rendered_is_there_the_next_time(settings, model, tmp_path, monkeypatch):
    before = Exploration(settings, model, tmp_path)
    look(before)
    monkeypatch.setattr(frame_renderer, "render_each", lambda model, clouds, *_, **__: iter(clouds))
    again = Exploration(settings, model, tmp_path)
    look(again)  # a cloud in place of a picture could not be measured
    assert all(
        np.array_equal(again.seen.frames[m][k], before.seen.frames[m][k]) for m in settings.methods for k in range(5)
    )


def test_cancelled_in_the_middle_what_is_there_stays(settings, model, tmp_path):
    calls = []

    def check():
        calls.append(1)
        if len(calls) > 6:
            raise CancelledError

    exploration = Exploration(settings, model, tmp_path)
    with pytest.raises(CancelledError):
        for _ in exploration.look(check, lambda: 0.0):
            pass
    there = {(m, k) for m, of_method in exploration.seen.frames.items() for k in of_method}
    assert 0 < len(there) < 10
    different = {exploration.seen.frames[method][k].tobytes() for method, k in there}
    assert len(list(tmp_path.rglob("*.png"))) >= len(different)


def test_a_path_through_three_prompts_passes_the_second(model, tmp_path):
    prompts = ("a fox", "a panda", "a red car")
    settings = explorer_settings(model, prompts, ("mixture",), frames=3)
    exploration = Exploration(settings, model, tmp_path)
    messages = look(exploration)
    assert settings.times == [0, 0.25, 0.5, 0.75, 1]
    alone = render(model, [encode(model, prompt) for prompt in prompts], FAST)
    passed = np.stack([exploration.seen.frames["mixture"][k] for k in (0, 2, 4)])
    assert np.abs(passed.astype(int) - alone).max() <= 1
    [geometry] = [message.content for message in messages if message.content["kind"] == "geometry"]
    assert [leg["couplings"] for leg in geometry["legs"]] == [[], []]
    [views] = [message.content["views"] for message in messages if message.content["kind"] == "map"]
    assert list(views) == ["wasserstein"]  # a mixture is no matrix


def test_a_leg_that_is_passed_twice_is_one_folder(model, tmp_path):
    settings = explorer_settings(model, ("a fox", "a panda", "a fox", "a panda"), ("optimal",), frames=2)
    exploration = Exploration(settings, model, tmp_path)
    look(exploration)
    frames = exploration.seen.frames["optimal"]
    assert np.abs(frames[1].astype(int) - frames[3]).max() <= 1
    assert len(list(tmp_path.iterdir())) == 2  # there and back


def test_a_second_explorer_between_the_same_prompts_waits_for_the_first(settings, model, tmp_path):
    first = Exploration(settings, model, tmp_path).look(lambda: None, lambda: 0.5)
    next(first)
    with pytest.raises(UserError, match="another process works on the run"):
        next(Exploration(settings, model, tmp_path).look(lambda: None, lambda: 0.5))
    first.close()
    next(Exploration(settings, model, tmp_path).look(lambda: None, lambda: 0.5))


def test_the_coupling_names_tokens_and_loses_no_row(settings, model, tmp_path):
    *_, geometry = islice(Exploration(settings, model, tmp_path).look(lambda: None, lambda: 0.5), 2)
    couplings = geometry.content["legs"][0]["couplings"]
    assert [(each["method"], each["encoder"]) for each in couplings] == [("optimal", ""), ("identity", "")]
    for coupling in couplings:
        assert sum(mass for *_, mass in coupling["atoms"]) == pytest.approx(77, abs=0.1)
        assert coupling["a"][0] == "⟨start⟩"
        assert coupling["a"][-1].startswith("padding ×")
        if coupling["method"] == "identity":
            assert coupling["share_moved"] == 0


def test_new_work_ends_the_old():
    background, begun, after = Background(), Event(), []

    def endless(check):
        begun.set()
        while True:
            check()

    first = background.start(endless)
    assert begun.wait(10)
    second = background.start(lambda check: after.append("second"))
    second.result(10)
    assert first.result(10) is None
    assert after == ["second"]
    background.close()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompts": ("a fox",)}, "prompts: wanted two or more, got 1"),
        ({"prompts": ("a fox", " ")}, "prompt B is empty; say what its image should show"),
        ({"methods": ()}, "methods: wanted one or two, side by side, got 0"),
        ({"methods": ("teleport",)}, "methods: unknown method 'teleport'"),
        ({"frames": 1}, "frames: wanted 2 to 100,000"),
        ({"ground": "sea"}, "ground: unknown 'sea'; known: euclidean"),
    ],
)
def test_settings_that_make_no_sense_are_named(changes, message):
    with pytest.raises(UserError, match=message):
        ExplorerSettings(**({"prompts": PROMPTS} | changes))


# --- the widget ------------------------------------------------------------------------------------------------------


@pytest.fixture
def explorer(model, tmp_path, monkeypatch):
    """With what it tells its page in ``explorer.told``."""
    from whichway.analysis.explorer import Explorer

    told = []
    monkeypatch.setattr(Explorer, "send", lambda self, content, buffers=None: told.append((content, buffers)))
    made = Explorer(model=model, prompts=list(PROMPTS), frames=3, folder=tmp_path, **QUICK)
    made.told = told
    yield made
    made.close()


def said(explorer, kind):
    return [content for content, _ in explorer.told if content["kind"] == kind]


def test_a_new_prompt_is_a_new_exploration(explorer):
    first = explorer.wait(60).images()
    explorer.prompts = ["a cake", PROMPTS[1]]
    second = explorer.wait(60).images()
    assert len(said(explorer, "done")) == 2
    assert not np.array_equal(first["optimal"][0], second["optimal"][0])
    assert np.array_equal(first["optimal"][-1], second["optimal"][-1])
    assert set(explorer.smoothness()) == {"optimal", "identity"}


def test_moving_the_slider_is_no_new_exploration(explorer):
    explorer.wait(60)
    explorer.t = 0.25
    explorer.wait(60)
    assert len(said(explorer, "paths")) == 1


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        ("prompts", ["a fox", ""], "prompt B is empty"),
        ("methods", ["sideways"], "methods: unknown method 'sideways'"),
        ("model", "no/such\nmodel", "does not exist and is no hub id either"),
        ("num_inference_steps", 0, "num_inference_steps: wanted at least 1"),
    ],
)
def test_what_is_wrong_is_said_in_words_and_frames_stay(explorer, trait, value, message):
    images = explorer.wait(60).images()
    setattr(explorer, trait, value)
    explorer.wait(60)
    assert message in said(explorer, "error")[-1]["text"]
    assert np.array_equal(explorer.images()["optimal"], images["optimal"])


def test_prompts_that_cannot_be_joined_leave_what_is_there(explorer, monkeypatch):
    def refuse(name, *_, **__):
        raise UserError(f"method {name!r}: these two cannot be joined")

    images = explorer.wait(60).images()
    monkeypatch.setattr(leg_module, "join", refuse)
    explorer.prompts = ["a cake", "a boat"]
    explorer.wait(60)
    assert "these two cannot be joined" in said(explorer, "error")[-1]["text"]
    assert len(said(explorer, "paths")) == 1  # the page was not cleared
    assert np.array_equal(explorer.images()["optimal"], images["optimal"])


def test_a_prompt_that_is_too_long_is_said(explorer):
    explorer.prompts = [PROMPTS[0], "a fox " * 100]
    explorer.wait(60)
    assert "prompt truncated" in said(explorer, "notice")[-1]["text"]


def test_a_page_that_comes_later_is_told_everything(explorer):
    explorer.wait(60)
    before = [content for content, _ in explorer.told if content["kind"] not in ("loading", "preview")]
    explorer.told.clear()
    explorer._hear({"kind": "hello"})
    assert [content for content, _ in explorer.told] == before


def test_a_page_that_comes_later_is_told_the_latest_frame_of_a_place(explorer):
    explorer.wait(60)
    for picture in (b"on the way", b"found"):
        explorer._tell(Message({"kind": "frame", "where": [("optimal", 7)]}, (picture,)))
    explorer.told.clear()
    explorer._hear({"kind": "hello"})
    assert [buffers for content, buffers in explorer.told if content.get("where") == [("optimal", 7)]] == [[b"found"]]


def test_a_stopped_exploration_goes_on(explorer):
    explorer.wait(60)
    explorer.seed = 1
    explorer._hear({"kind": "cancel"})
    explorer.wait(60)
    explorer._hear({"kind": "explore"})
    explorer.wait(60)
    assert explorer.images()["optimal"].shape == (3, 16, 16, 3)


@pytest.mark.parametrize("suffix", EXPORTS)
def test_what_is_seen_is_saved(explorer, suffix, tmp_path):
    explorer.wait(60)
    explorer._hear({"kind": "export", "suffix": suffix, "fps": 5, "ping_pong": False})
    [(_, [content])] = [(told, made) for told, made in explorer.told if told["kind"] == "file"]
    assert explorer.export(tmp_path / f"seen{suffix}", fps=5, ping_pong=False).read_bytes()[:4] == content[:4]
    if suffix == ".webp":
        with Image.open(BytesIO(content)) as film:
            assert film.n_frames == 3
            scale = -(-256 // 16)
            assert film.size == ((2 * 16 + 4) * scale, 16 * scale)


def test_the_python_that_is_saved_makes_the_same_frames(explorer, tmp_path, monkeypatch):
    images = explorer.wait(60).images()
    monkeypatch.chdir(tmp_path)
    scope: dict = {}
    exec(compile(explorer.export("seen.py").read_text(), "seen.py", "exec"), scope)
    for method, strip in images.items():
        assert np.abs(scope["frames"][method].astype(int) - strip).max() <= 1
        assert (tmp_path / f"{method}.webp").is_file()


def test_an_export_that_cannot_be_made_is_refused_in_words(explorer):
    explorer.wait(60)
    explorer._hear({"kind": "export", "suffix": ".webp", "fps": -1})
    assert said(explorer, "refused")[-1]["text"] == "fps: wanted 0.01 to 90 in a .webp, got -1"


def test_an_export_of_missing_frames_says_how_many(settings, model, tmp_path):
    exploration = Exploration(settings, model, tmp_path)
    with pytest.raises(UserError, match="0 of 5 frames of 'optimal' are there; wait for the rest"):
        export(exploration, ".png")
    with pytest.raises(UserError, match=r"export: unknown '\.bmp'; known: \.png"):
        export(exploration, ".bmp")


def test_without_anywidget_the_way_out_is_named(monkeypatch):
    import whichway.analysis.explorer

    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(UserError, match=r"-m pip install .*'anywidget>="):
        _ = whichway.analysis.explorer.Explorer


def test_the_page_sets_text_and_never_html():
    parts = sorted((Path(__file__).parent.parent / "analysis" / "explorer" / "page").glob("*.js"))
    assert parts
    for part in parts:
        page = part.read_text(encoding="utf-8").replace('"http://www.w3.org/2000/svg"', "")
        for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "http://", "https://"):
            assert forbidden not in page, (part.name, forbidden)


def test_every_part_of_the_page_is_in_a_widget():
    from whichway.analysis.explorer import prompt_map, widget

    assert {path.stem for path in widget.PAGE.glob("*.js")} == {*widget.PARTS, *prompt_map.PARTS}


def test_a_model_that_reads_weights_is_written_down_as_one(tiny_pipeline_folder, tmp_path, monkeypatch):
    from whichway.analysis.explorer import Explorer

    monkeypatch.setattr(Explorer, "send", lambda self, content, buffers=None: None)
    reader = load_model(str(tiny_pipeline_folder), device="cpu", syntax="weighted")
    made = Explorer(model=reader, prompts=["a (fox:4)", "a panda"], frames=2, folder=tmp_path, **QUICK)
    made.wait(60)
    assert f"load_model({str(tiny_pipeline_folder)!r}, syntax='weighted')" in as_python(made._settings)


def test_the_page_draws_methods_as_the_figures_do():
    from whichway.analysis.explorer.exploration import Exploration
    from whichway.analysis.pictures.style import METHOD_COLOURS, marker_outline

    exploration = Exploration.__new__(Exploration)  # without the model, which has no say in this
    exploration.settings = ExplorerSettings(("a", "b"), ("mixture", "slerp"))
    styles = exploration._styles()
    assert {name: style["colour"] for name, style in styles.items()} == {
        name: METHOD_COLOURS[name] for name in ("mixture", "slerp")
    }
    assert styles["mixture"]["marker"] == marker_outline("mixture")
