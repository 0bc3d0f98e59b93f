"""A run's folder: continued with the same, refused for anything else, and never shared by two processes."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from whichway.analysis.command.main import main
from whichway.analysis.errors import UserError
from whichway.analysis.files import written_whole
from whichway.analysis.models.model import load_model
from whichway.analysis.runs.run import LAYOUT, open_run, read_run, run_name

HOLD_THE_LOCK = """
import sys, time
from pathlib import Path
from filelock import FileLock
with FileLock(Path(sys.argv[1]) / ".lock"):
    print("locked", flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu")


def opened(folder, model, *, kind="comparison", identity=None, settings=None):
    return open_run(folder, kind, identity=identity or {"seed": 0}, settings=settings or {}, model=model)


def test_the_manifest_says_what_it_is_and_what_made_it(tmp_path, model):
    with opened(tmp_path / "run", model, settings={"methods": ("optimal",)}) as run:
        assert run.folder == tmp_path / "run"
    manifest = read_run(tmp_path / "run", "comparison")
    assert manifest["identity"] == {"seed": 0}
    assert manifest["settings"] == {"methods": ["optimal"]}
    assert manifest["model"]["model_sha256"] == model.fingerprint
    assert manifest["model"]["dtype"] == "float32"
    assert manifest["scheduler"]["class"] == "DDIMScheduler"
    assert {"whichway", "torch", "diffusers", "POT", "python"} <= set(manifest["versions"])


def test_a_run_is_continued_with_the_same_identity_only(tmp_path, model):
    with opened(tmp_path, model, settings={"frames": 3}):
        pass
    before = (tmp_path / "manifest.json").read_bytes()
    with opened(tmp_path, model, settings={"frames": 3}):
        assert (tmp_path / "manifest.json").read_bytes() == before  # nothing to say anew
    with opened(tmp_path, model, settings={"frames": 5}):
        assert read_run(tmp_path, "comparison")["settings"] == {"frames": 5}
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "0.png").write_bytes(b"")
    with (
        pytest.raises(UserError, match=r"holds a run of other settings \(seed: 0 there, 1 here\); choose another"),
        opened(tmp_path, model, identity={"seed": 1}),
    ):
        pass
    with pytest.raises(UserError, match="another kind"), opened(tmp_path, model, kind="film"):
        pass


def test_what_was_refused_before_anything_was_computed_may_be_asked_again_in_other_words(tmp_path, model):
    with pytest.raises(UserError, match="no such word"), opened(tmp_path, model):
        raise UserError("no such word")
    with opened(tmp_path, model, identity={"seed": 1}):
        assert read_run(tmp_path, "comparison")["identity"] == {"seed": 1}


def test_a_folder_that_is_not_ours_is_never_written_into(tmp_path, model):
    (tmp_path / "thesis.tex").write_text("years of work")
    with (
        pytest.raises(UserError, match="holds files that are no run of whichway; choose another"),
        opened(tmp_path, model),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_run_that_was_killed_while_it_was_begun_is_begun_again(tmp_path, model):
    with written_whole(tmp_path / "manifest.json") as aside:
        aside.write_text("{")
        aside.rename(killed := aside.with_name(aside.name.replace(f"-{os.getpid()}-", "-4194305-")))  # no process's
        aside.touch()
    (tmp_path / "manifest.json").unlink()
    assert list(tmp_path.iterdir()) == [killed]
    with opened(tmp_path, model):
        pass
    assert read_run(tmp_path, "comparison")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"identity": {"seed": 0}, "settings": {}}', "holds a run of another version of whichway; choose another"),
        ("{", "is damaged: what the frames beside it belong to is not known; choose another folder"),
        (
            f'{{"layout": {LAYOUT}, "kind": "comparison", "identity": 3}}',
            "is damaged: what the frames beside it",
        ),
    ],
)
def test_old_and_damaged_runs_are_refused_in_one_line(tmp_path, model, content, message):
    (tmp_path / "manifest.json").write_text(content)
    for action in (lambda: read_run(tmp_path, "comparison"), lambda: opened(tmp_path, model).__enter__()):
        with pytest.raises(UserError, match=message):
            action()
    assert (tmp_path / "manifest.json").read_text() == content


def test_a_run_that_failed_lets_go_of_its_folder(tmp_path, model):
    with pytest.raises(RuntimeError, match="stop"), opened(tmp_path, model):
        raise RuntimeError("stop")
    with opened(tmp_path, model):
        pass


def test_names_are_readable_and_differ_where_keys_do():
    name = run_name(["A fox & a <panda>!", ""], {"seed": 0})
    assert name.startswith("a-fox-a-panda--empty-")
    assert name != run_name(["A fox & a <panda>!", ""], {"seed": 1})


@pytest.mark.parametrize("command", ["compare", "animate", "barycenter", "map", "study"])
def test_a_second_process_on_one_folder_is_refused_in_every_command(command, tmp_path, tiny_pipeline_folder):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a fox\na panda\na red car\n")
    arguments = {
        "compare": ["a fox", "a panda", "--perceptual-distance", "ssim"],
        "animate": ["a fox", "a panda", str(tmp_path / "film.gif"), "--perceptual-distance", "ssim"],
        "barycenter": ["a fox", "a panda", "a red car"],
        "map": [str(prompts), "--projection", "pca"],
        "study": ["--per-stratum", "1", "--seeds", "1", "--methods", "identity", "--perceptual-distances", "ssim"],
    }[command]
    out = tmp_path / "run"
    out.mkdir()
    first = subprocess.Popen([sys.executable, "-c", HOLD_THE_LOCK, str(out)], stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout.readline() == "locked\n"
        options = ["--model", str(tiny_pipeline_folder), "--device", "cpu", "--steps", "1", "--out", str(out)]
        result = CliRunner().invoke(main, [command, *arguments, *options])
    finally:
        first.kill()
        first.wait()
    assert result.exit_code == 2, result.output
    assert f"another process works on the run in {str(out)!r}; wait for it, or stop it" in result.output
    assert "Traceback" not in result.output
    assert not (out / "manifest.json").exists()


def test_the_manifest_is_strict_json(tmp_path, model):
    with pytest.raises(ValueError, match="JSON"), opened(tmp_path, model, settings={"guidance_scale": float("nan")}):
        pass
    assert json.loads((tmp_path / "manifest.json").read_text() if (tmp_path / "manifest.json").exists() else "{}") == {}
