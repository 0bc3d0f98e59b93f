"""Numbers and files out of range are refused in one line before the work; what cannot be written, too."""

import json

import pytest
from click.testing import CliRunner

from whichway.analysis.command.main import main
from whichway.analysis.errors import UserError, shortened
from whichway.analysis.files import require_writable
from whichway.analysis.prompts.prompt_file import LONGEST, read_prompts

A, B, C = "a fox", "a panda", "a car"


@pytest.fixture
def run(tiny_pipeline_folder, tmp_path, monkeypatch):
    """One of the commands that render, in a folder of its own; returns the lines that it printed."""
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments):
        fixed = ["--model", str(tiny_pipeline_folder), "--device", "cpu"]
        result = CliRunner().invoke(main, [*map(str, arguments), *fixed])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code == 2, result.output
        return result.output

    return invoke


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compare", A, B, "--steps", 1001), "num_inference_steps: wanted 1 to 1000, the times that the model was tr"),
        (("map", "prompts.txt", "--steps", 0), "num_inference_steps: wanted at least 1"),
        (("map", "prompts.txt", "--steps", -1), "num_inference_steps: wanted at least 1"),
        (("barycenter", A, B, C, "--steps", 1001), "num_inference_steps: wanted 1 to 1000"),
        (("barycenter", A, B, C, "--side", 10**9), "side: wanted 2 to 100, got 1000000000"),
        (("animate", A, B, "film.gif", "--frames", 10**9), "frames: wanted 100,000 at most, got 1,000,000,000"),
        (("animate", A, B, "film.gif", "--at", "0,1e9"), "frames: wanted 100,000 at most"),
        (("compare", A, B, "--frames", 10**9), "frames: wanted 2 to 100,000, got 1000000000"),
        (("compare", A, B, "--height", 10**6), "height: wanted a multiple of 8 pixels, 16384 at most, got 1000000"),
        (("invariance", "--steps", 1001), "num_inference_steps: wanted 1 to 1000, the times that the model was tr"),
        (("animate", A, B, "film.gif", "--fps", "1e-300"), "fps: wanted 0.01 to 50 in a .gif, got 1e-300"),
        (("animate", A, B, "film.gif", "--at", "0,1,"), "at: wanted numbers separated by commas, got '0,1,'"),
        (
            ("animate", A, B, "film.gif", "--at", "5,6"),
            "at: wanted 0, where the film begins, and then increasing times",
        ),
        (
            ("animate", A, B, "film.gif", "--at=-inf,0"),
            "at: wanted 0, where the film begins, and then increasing times",
        ),
        (("compare", "\udcff", B), "wanted arguments in UTF-8, got '\\udcff'"),
        (("compare", A, B, "--out", "o\udcff"), "wanted arguments in UTF-8, got 'o\\udcff'"),
        (("sensitivity", "\udcff"), "wanted arguments in UTF-8, got '\\udcff'"),
        (("distances", "prompts.txt", "--store", "prompts.txt"), "store: 'prompts.txt' is a file; wanted a folder"),
        (("barycenter", A, B, "--weights", "1e308,1e308"), "weights: wanted smaller ones: their sum overflows"),
        (("study", "--captions", "nothing.json"), "captions: of a file of pairs; give it with --pairs"),
        (("study", "--methods", ""), "methods: wanted names separated by commas, got ''"),
        (("study", "--perceptual-distances", "ssim,"), "perceptual-distances: wanted names separated by commas, got"),
        (("challenge", "--per-stratum", 0), "per-stratum: wanted 1 to 100,000, got 0"),
        (("challenge", "--per-stratum-tuning", 10**9), "per-stratum-tuning: wanted 1 to 100,000, got 1000000000"),
        (("challenge", "--candidates", ""), "candidates: wanted names separated by commas, got ''"),
        (("sensitivity", A, "--out", "tokens.xyz"), "picture: wanted a name that ends in .png, .pdf, .svg, .jpg"),
        (("sensitivity", A, "--out", "prompts.txt/x.png"), "cannot write 'prompts.txt/x.png'"),
        (("sensitivity", A, "--directions", 10**12), "directions: wanted 1 to 100, got 1000000000000"),
        (("invert", "photo.png", "--iterations", 10**12), "iterations: wanted 0 to 1,000,000, got 1000000000000"),
        (("compare", A, B, "--geodesic-nodes", 10**12), "geodesic nodes: wanted 3 to 100,000, got 1000000000000"),
        (("study", "--per-stratum", 10**9), "per-stratum: wanted 1 to 100,000, got 1000000000"),
        (("study", "--seeds", 10**9), "seeds: wanted 1 to 10,000, got 1000000000"),
        (("distances", "prompts.txt", "--out", "prompts.txt/D.npy"), "cannot write 'prompts.txt/D.npy'"),
        (("distances", "prompts.txt", "--out", "folder.npy"), "it is a folder; wanted the name of a file"),
        (("animate", A, B, "prompts.txt/film.gif"), "cannot write 'prompts.txt/film.gif'"),
        (("invariance", "--json", "prompts.txt/x.json"), "cannot write 'prompts.txt/x.json'"),
    ],
)
def test_one_line_before_the_work(run, tmp_path, arguments, message):
    (tmp_path / "prompts.txt").write_text("\n".join((A, B, C, "a boat", "a tree")))
    (tmp_path / "folder.npy").mkdir()
    output = run(*arguments)
    assert message in output
    assert "Traceback" not in output


def test_a_file_beside_the_picture_that_is_not_ours_stays(run, tmp_path):
    (tmp_path / "tokens.json").write_text('{"my": "data"}')
    assert "'tokens.json' is not ours, and would be written over" in run("sensitivity", A, "--out", "tokens.png")
    assert (tmp_path / "tokens.json").read_text() == '{"my": "data"}'


def test_a_line_that_is_no_prompt(tmp_path):
    path = tmp_path / "prompts.txt"
    path.write_text("a fox\n" + "x" * 10**7)
    with pytest.raises(UserError, match=f"line 2 of .* has 10,000,000 characters; wanted .* of {LONGEST:,}"):
        read_prompts(path)
    path.write_bytes("a fox\na panda".encode("utf-16"))
    with pytest.raises(UserError, match="is UTF-16"):
        read_prompts(path)
    path.write_bytes(b"a fox\0")
    with pytest.raises(UserError, match="zero byte"):
        read_prompts(path)


def test_long_values_are_quoted_in_part():
    assert shortened("a fox") == "'a fox'"
    assert len(shortened("x" * 10**6)) < 100


def test_what_can_be_written_is_not_touched(tmp_path):
    path = tmp_path / "new" / "x.json"
    require_writable(path)
    assert list(path.parent.iterdir()) == []
    path.write_text(json.dumps({"kept": True}))
    require_writable(path)
    assert json.loads(path.read_text()) == {"kept": True}
