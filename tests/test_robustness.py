import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from whichway.analysis.command.main import main
from whichway.analysis.errors import UserError
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.runs.run import LAYOUT
from whichway.analysis.study.robustness import agreement, compare_studies
from whichway.analysis.study.settings import StudySettings


def write_study(
    folder,
    ratios,
    metrics=("ssim",),
    *,
    seed=0,
    seeds=1,
    pairs=12,
    prompt="a",
    model="miniature",
    model_sha256="a" * 64,
    **settings,
):
    """A finished study in which each method's PPL is a multiple of identity's, under the first metric."""
    folder.mkdir()
    sampling = asdict(Sampling(**settings))
    noises = {"seeds": seeds, "first_seed": seed}
    requested = asdict(StudySettings(("identity",), perceptual_distances=metrics, model=ModelChoice(model), **noises))
    requested |= {"sampling": sampling}
    saved_pairs = [{"prompt_a": f"{prompt}{k}", "prompt_b": f"b{k}", "score": None} for k in range(pairs)]
    manifest = {
        "layout": LAYOUT,
        "kind": "study",
        "identity": {},
        "settings": requested | {"pairs": saved_pairs, "endpoint_tolerance": 1},
        "model": {"model_sha256": model_sha256},
        "scheduler": {"class": "DDIMScheduler"},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    rng = np.random.default_rng(0)
    with (folder / "records.jsonl").open("w") as file:
        for pair in range(pairs):
            methods = {}
            for method, ratio in {"identity": 1.0, **ratios}.items():
                ppl = ratio * (1 + pair) * float(rng.uniform(0.97, 1.03))
                perceived = {
                    "ppl": ppl,
                    "energy": 1.0,
                    "directness": 1.0,
                    "worst_step": 1.0,
                    "gini": 0.0,
                    "steps": [ppl],
                }
                methods[method] = {
                    "t": [0, 1],
                    "length": 1.0,
                    "share_moved": 0.0,
                    "endpoint_error": 0,
                    "lengths": {},
                    "perceived": dict.fromkeys(metrics, perceived),
                }
            file.write(json.dumps({"pair": pair, "seed": seed, "distances": {}, "methods": methods}) + "\n")
    return folder


@pytest.fixture
def studies(tmp_path):
    same = write_study(tmp_path / "one", {"optimal": 0.8, "random": 1.5, "slerp": 1.1})
    other = write_study(tmp_path / "two", {"optimal": 1.5, "random": 0.8, "slerp": 1.1}, guidance_scale=1.0)
    return same, other


def test_what_differs_names_the_condition_and_rankings_are_compared(studies):
    compared = compare_studies(studies)
    assert list(dict.fromkeys(compared["condition"])) == ["ssim", "ssim, guidance 1.0"]
    optimal = compared.query("method == 'optimal'")
    assert optimal["ratio"].to_numpy() == pytest.approx([0.8, 1.5], rel=0.03)
    assert (optimal["low"] < optimal["ratio"]).all()
    agreeing = agreement(compared)
    assert agreeing["tau"].to_numpy() == pytest.approx([1, -1])
    assert list(agreeing["methods"]) == [3, 3]


def test_rankings_are_compared_over_the_methods_that_both_have(studies, tmp_path):
    fewer = write_study(tmp_path / "three", {"optimal": 0.7, "random": 1.2}, num_inference_steps=5)
    agreeing = agreement(compare_studies([*studies, fewer]))
    assert list(agreeing["methods"]) == [3, 3, 2]
    assert agreeing["tau"].iloc[2] == pytest.approx(1)


def test_conditions_are_compared_on_the_pairs_that_they_share(studies, tmp_path):
    larger = write_study(tmp_path / "three", {"optimal": 0.8}, pairs=20, guidance_scale=2.0)
    compared = compare_studies([larger, studies[0]])
    assert set(compared["pairs"]) == {12}
    other = write_study(tmp_path / "four", {"optimal": 0.8}, prompt="x")
    with pytest.raises(UserError, match="they have no finished pair in common whose prompts differ"):
        compare_studies([larger, other])


def test_conditions_are_compared_under_the_noises_that_they_share(studies, tmp_path):
    under_two = write_study(tmp_path / "three", {"optimal": 0.8}, seeds=2, guidance_scale=2.0)
    other = write_study(tmp_path / "four", {"optimal": 0.2}, seed=1)
    with (under_two / "records.jsonl").open("a") as file:  # the other noise, under which all is otherwise
        file.write((other / "records.jsonl").read_text())
    compared = compare_studies([under_two, studies[0]])
    assert compared.query("method == 'optimal'")["ratio"].to_numpy() == pytest.approx([0.8, 0.8], rel=0.03)
    without_a_shared_one = compare_studies([other, studies[0]]).query("method == 'optimal'")
    assert without_a_shared_one["ratio"].to_numpy() == pytest.approx([0.2, 0.8], rel=0.03)


def test_another_model_is_a_condition_also_under_the_same_name(studies, tmp_path):
    second = write_study(tmp_path / "three", {"optimal": 0.8, "random": 1.1, "slerp": 1.0}, model_sha256="b" * 64)
    named = write_study(tmp_path / "four", {"optimal": 0.9}, model="runs/second")
    conditions = dict.fromkeys(compare_studies([studies[0], second, named])["condition"])
    assert list(conditions) == ["ssim", "ssim, model bbbbbbbb", "ssim, model runs/second"]


def test_studies_under_equal_conditions_are_told_apart_by_their_folders(studies, tmp_path):
    again = write_study(tmp_path / "again", {"optimal": 0.9, "random": 1.4, "slerp": 1.0})
    compared = compare_studies([studies[0], again])
    assert list(dict.fromkeys(compared["condition"])) == [f"ssim, {folder}" for folder in (studies[0], again)]
    assert agreement(compared)["methods"].tolist() == [3, 3]
    out = tmp_path / "picture.png"
    result = CliRunner().invoke(main, ["robustness", str(studies[0]), str(again), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert out.is_file()


def test_a_study_that_is_given_twice_is_refused(studies, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for again in (studies[0], Path("one"), Path("two/../one")):
        with pytest.raises(UserError, match="one' is given twice; wanted different studies"):
            compare_studies([studies[0], again])


def test_the_command_draws_and_prints(studies, tmp_path):
    out = tmp_path / "picture.png"
    result = CliRunner().invoke(main, ["robustness", *map(str, studies), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert out.is_file()
    assert "Kendall" in result.output


def test_a_study_that_is_not_finished_is_said(studies, tmp_path):
    records = studies[1] / "records.jsonl"
    records.write_bytes(records.read_bytes()[:-100])
    result = CliRunner().invoke(main, ["robustness", *map(str, studies), "--out", str(tmp_path / "picture.png")])
    assert result.exit_code == 0, result.output
    assert f"Warning: '{studies[1]}' is not finished (11 of 12)" in result.output
    assert f"'{studies[0]}'" not in result.output


def test_bad_input_is_named(studies, tmp_path):
    with pytest.raises(UserError, match="holds no study"):
        compare_studies([tmp_path])
    with pytest.raises(UserError, match="has no finished pair of 'aid-outer'"):
        compare_studies(studies, reference="aid-outer")
    assert CliRunner().invoke(main, ["robustness", str(tmp_path)]).exit_code == 2
