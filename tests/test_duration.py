"""What is said before a study of how long it will take."""

from dataclasses import replace
from itertools import count

import pytest
import torch

from whichway.analysis.geodesics.settings import GeodesicSettings
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import load_model
from whichway.analysis.prompts.pairs import PromptPair
from whichway.analysis.study.duration import Duration, announced, estimate_duration
from whichway.analysis.study.settings import StudySettings
from whichway.analysis.study.study import run_study

PAIRS = (PromptPair("a fox", "on the beach there is a cat"), PromptPair("a cat", "a fox"))


def test_hours_are_units_times_frames_times_seconds():
    duration = Duration(units=320, frames=80, seconds=0.9, measuring=9)
    assert duration.hours == pytest.approx(7.2)
    assert str(duration).startswith("320 (pair, seed) × (80 frames × 0.9 s a frame + 9 s of measuring) = 7.2 h")
    assert "= 9 min, on" in str(replace(duration, units=10, frames=50))


def test_frames_are_those_that_the_study_renders(tiny_pipeline_folder, tmp_path):
    """Couplings that end in another order of B have an end of their own; identity's is B."""
    model = load_model(str(tiny_pipeline_folder), device="cpu")
    settings = StudySettings(
        ("identity", "optimal", "mixture"),
        frames=4,
        seeds=1,
        perceptual_distances=("ssim",),
        sampling=Sampling(num_inference_steps=1, guidance_scale=1.0),
    )
    estimated = estimate_duration(settings, PAIRS, model)
    assert estimated.seconds > 0
    assert estimated.measuring > 0
    lines: list[str] = []
    run_study(settings, PAIRS[:1], tmp_path, model=model, progress=False, report=lines.append)
    assert len(list((tmp_path / "frames").glob("*.png"))) == estimated.frames == 2 + 2 + 3 + 2
    assert estimated.units == 2
    assert lines == []  # the first was the last


def test_geodesics_take_as_long_as_all_their_iterations(tiny_pipeline_folder, tmp_path, monkeypatch):
    """By a clock on which everything takes a second: two geodesics of two frames between, and where they start."""
    monkeypatch.setattr("whichway.analysis.study.duration.perf_counter", count().__next__)
    model = load_model(str(tiny_pipeline_folder), device="cpu")
    settings = StudySettings(
        ("optimal", "geodesic", "geodesic-mixture"),
        frames=4,
        seeds=1,
        sampling=Sampling(num_inference_steps=1, guidance_scale=1.0),
        geodesic=GeodesicSettings(iterations=1),
    )
    estimated = estimate_duration(settings, PAIRS[:1], model)
    monkeypatch.setattr("whichway.analysis.geodesics.find.descend", find_another_path)
    run_study(settings, PAIRS[:1], tmp_path, model=model, progress=False)
    assert len(list((tmp_path / "frames").glob("*.png"))) == estimated.frames
    longer = estimate_duration(replace(settings, geodesic=GeodesicSettings(iterations=399)), PAIRS[:1], model)
    assert (estimated.searching, longer.searching) == (2 * 2 * (1 + 1), 2 * 2 * (399 + 1))
    assert f"at most {longer.searching:.3g} s of looking for geodesics" in str(longer)
    assert longer.hours > longer.searching / 3600


def find_another_path(path, geometry, settings, search, *, after_each):
    """A search that has found something: one that has not has no frames of its own."""
    nodes = len(next(iter(search.strings.values())).rows)
    uneven = torch.linspace(0, 1, nodes, dtype=torch.float64).square() * (nodes - 1)
    search.best = {name: string.at(uneven) for name, string in search.strings.items()}
    search.energies, search.objectives, search.excesses = [1.0, 0.5], [1.0, 0.5], [0.0, 0.0]
    after_each(search)


def test_after_the_first_unit_the_others_are_announced():
    lines: list[str] = []
    records = [{"pair": index} for index in range(3)]
    assert list(announced(iter(records), units=3, workers=1, report=lines.append)) == records
    [line] = lines
    assert line.startswith("the first of 3 (pair, seed) took 0.0 s; the others: 0 min")
    list(announced(iter(records), units=3, workers=None, report=lines.append))
    assert len(lines) == 1
