"""The campaign (``make campaign``) can fail: what it judges by, on endings and folders that are right and wrong."""

import json
from pathlib import Path
from shutil import copytree

import pytest

from tests.campaign.campaign import sampled
from tests.campaign.child import Ending
from tests.campaign.judgement import unclear
from tests.campaign.results import BEGIN, END, Results, sentence, summary, table, write_figures
from tests.campaign.trees import difference, finished_records, finished_work
from tests.campaign.trial import CLEAR, SURVIVED, Trial

ROOT = Path(__file__).parent.parent


def ending(errors, status=2, timed_out=False):
    return Ending(status, "", errors, 1.0, timed_out)


@pytest.mark.parametrize(
    "errors",
    [
        "Error: steps: wanted at least 1, got 0\n",
        "loading the model\nError: cannot write 'run': No space left on device; what was finished is kept\n",
        "Usage: whichway map [OPTIONS] PROMPTS.txt\nTry 'whichway map -h' for help.\n\nError: No such option: --step\n",
    ],
)
def test_a_line_that_a_user_can_act_on_is_clear(errors):
    assert unclear(ending(errors)) == ""


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (ending("Error: steps: wanted at least 1, got 0\n", status=0), "exit status 0"),
        (ending("Error: steps\n", status=-9, timed_out=True), "without end"),
        (ending("Traceback (most recent call last):\nError: steps\n"), "Traceback"),
        (ending("Error: pop expected at most 1 argument, got 2\n"), "expected at most"),
        (ending("frames: 50%|███  | 2/4Error: steps\n"), "no line that begins with Error"),
        (ending("Error: steps\nand more\n"), "no line that begins with Error"),
        (ending(f"Error: {'a fox ' * 1000}\n"), "a message of 600"),
        (ending("Error: no model '\x1b[31mred'\n"), "control character"),
    ],
)
def test_what_a_user_cannot_act_on_is_not(result, reason):
    assert reason in unclear(result)


@pytest.fixture
def folders(tmp_path):
    one = tmp_path / "one"
    (one / "frames").mkdir(parents=True)
    (one / "frames" / "a.png").write_bytes(b"pixels")
    (one / "study.json").write_text('{"written": "today", "level": 0.05}')
    (one / "records.jsonl").write_text('{"pair": 0, "seed": 0, "ppl": 1.5, "seconds": {"all": 2.0}, "frames": 4}\n')
    (one / ".lock").touch()
    return one, Path(copytree(one, tmp_path / "other"))


def test_folders_differ_by_every_byte_but_the_clocks(folders):
    one, other = folders
    (other / "study.json").write_text('{"written": "tomorrow", "level": 0.05}')
    (other / "records.jsonl").write_text('{"pair": 0, "seed": 0, "ppl": 1.5, "seconds": {"all": 9.0}, "frames": 1}\n')
    (other / ".lock").unlink()
    assert difference(other, one) == ""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda folder: (folder / "frames" / "a.png").write_bytes(b"pixelz"), "other bytes: frames/a.png"),
        (lambda folder: (folder / "frames" / "a.png").unlink(), "missing: frames/a.png"),
        (lambda folder: (folder / ".a-0-1.png").touch(), "left behind: .a-0-1.png"),
        (lambda folder: (folder / "study.json").write_text('{"level": 0.1}'), "other bytes: study.json"),
        (lambda folder: (folder / "records.jsonl").write_text("{"), "other bytes: records.jsonl"),
    ],
)
def test_whatever_else_differs_is_named(folders, change, expected):
    one, other = folders
    change(other)
    assert difference(other, one) == expected


def test_work_that_is_done_again_is_seen(folders):
    one, _ = folders
    before, lines = finished_work(one), finished_records(one)
    content = (one / "frames" / "a.png").read_bytes()
    (one / "frames" / "b.png").write_bytes(content)
    (one / "frames" / "b.png").replace(one / "frames" / "a.png")
    assert finished_work(one) != before
    (one / "records.jsonl").write_bytes(lines["records.jsonl"] + b'{"pair": 1')
    assert finished_records(one) == lines


def test_the_last_line_of_a_trial_counts_and_what_cannot_be_done_does_not(tmp_path):
    results = Results(tmp_path / "results.jsonl")
    line = {"family": "kills", "question": SURVIVED, "reason": "", "skipped": "", "seconds": 1.0}
    results.add(line | {"key": "kills/0", "reason": "lost"})
    results.add(line | {"key": "kills/0"})
    results.add(line | {"key": "kills/1", "reason": "lost"})
    results.add(line | {"key": "kills/2", "skipped": "no root"})
    figures = results.figures({"kills": (SURVIVED, 5), "words": (CLEAR, 1)})
    assert figures[SURVIVED] == {"kills": {"passed": 1, "of": 2, "skipped": 1, "planned": 5}}
    lines = list(summary(figures))
    assert "survived 1 of 2" in lines
    assert "  (2 trials are not done yet)" in lines
    page, readme = tmp_path / "page.md", tmp_path / "readme.md"
    for each in (page, readme):
        each.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_figures(tmp_path / "figures.json", figures, table_on=page, sentence_on=readme)
    assert page.read_text() == f"before\n{BEGIN}\n{table(figures)}\n{END}\nafter\n"
    assert readme.read_text() == f"before\n{BEGIN}{sentence(figures)}{END}\nafter\n"
    assert sentence(figures).startswith("1 of 2 kills")


def test_a_sample_has_some_of_every_family():
    trials = [Trial(family, str(number), CLEAR, lambda folder: "") for family in "ab" for number in range(5)]
    chosen = sampled(trials, 2, seed=0)
    assert [trial.family for trial in chosen].count("a") == [trial.family for trial in chosen].count("b") == 2
    assert {trial.family for trial in chosen[:2]} == {"a", "b"}


def test_the_pages_repeat_the_figures():
    figures = json.loads((ROOT / "figures" / "campaign.json").read_text(encoding="utf-8"))
    assert table(figures) in (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    assert sentence(figures) in (ROOT / "README.md").read_text(encoding="utf-8")
