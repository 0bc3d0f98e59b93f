"""The figures' scripts stand beside the packages and take no name of theirs; what is said is what records say."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from figures import gap, saved, texts
from figures.__main__ import FIGURES as FIGURES_DRAWN
from figures.__main__ import main as draw_figures
from figures.collect import leave_out_machine_paths
from whichway.analysis.files import read_json, write_json
from whichway.analysis.models import model
from whichway.analysis.statistics import estimates
from whichway.analysis.study.plan import read_plan

ROOT = Path(__file__).parent.parent
FIGURES = ROOT / "figures"


def test_no_script_shadows_a_package():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages >= {"geometry", "analysis", "miniature"}
    assert not packages & {path.stem for path in FIGURES.glob("*.py")}


def test_every_script_is_drawn_and_every_drawn_figure_is_there():
    helpers = {"__main__", "collect", "formats", "gap", "headline", "networks", "saved", "texts"}
    assert {path.stem for path in FIGURES.glob("*.py")} - helpers == set(FIGURES_DRAWN)
    for name in FIGURES_DRAWN:
        for suffix in ("png", "pdf"):
            assert (FIGURES / f"{name}.{suffix}").is_file(), name


def test_no_record_has_a_path_of_the_machine_that_made_it():
    for manifest in FIGURES.rglob("manifest.json"):
        command = json.loads(manifest.read_text(encoding="utf-8"))["command"]
        assert not [argument for argument in command if Path(argument).is_absolute()], manifest


def test_collected_commands_run_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    manifest = tmp_path / "manifest.json"
    write_json(manifest, {"command": ["study", "--out", str(tmp_path / "runs" / "x"), "--pairs", "/home/me/pairs.csv"]})
    leave_out_machine_paths(manifest)
    assert read_json(manifest) == {"command": ["study", "--out", "runs/x", "--pairs", "pairs.csv"]}


@pytest.fixture
def fast(monkeypatch):
    """Undoes what --fast does to this process."""
    monkeypatch.setattr(saved, "limit", None)
    monkeypatch.setattr(estimates, "RESAMPLES", estimates.RESAMPLES)
    caches = (saved.study_results, saved.differing_steps, saved.compare_conditions)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_everything_draws_from_the_records_alone(fast, tmp_path, monkeypatch):
    monkeypatch.setattr(model, "load_model", lambda *_, **__: pytest.fail("a figure loads a model"))
    result = CliRunner().invoke(draw_figures, ["--fast", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    left_out = set(re.findall(r"not drawn: (\w+): .* has no frames of pair", result.output))
    # the strips of a study of the older design are of other pairs than those whose frames were kept
    assert not left_out if read_plan(saved.STUDY) else left_out <= {"strip_best", "strip_median", "strip_worst"}
    for name in set(FIGURES_DRAWN) - left_out:
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.getextrema() != ((255, 255),) * 4
        assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_a_figure_that_is_not_there_is_named():
    result = CliRunner().invoke(draw_figures, ["portrait"])
    assert result.exit_code == 2
    assert "unknown figure portrait; known: invariance" in result.output


@pytest.mark.parametrize(("page", "name"), texts.TEXTS, ids=lambda each: getattr(each, "name", each))
def test_what_is_said_of_the_records_is_what_they_say(page, name):
    assert texts.rewritten(page, name) == page.read_text(encoding="utf-8")


def test_a_share_below_zero_is_not_read_as_a_dash():
    assert "(–" not in gap.text()


def test_a_page_without_markers_is_an_error(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing to replace")
    with pytest.raises(ValueError, match="has no <!-- study: begin -->"):
        texts.rewritten(page, "study")
