"""Candidates, a rule, a verdict: on made-up results with known effects, and once for real on a tiny model."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from figures.collect import main as collect
from figures.headline import challenge
from whichway.analysis.command.main import main
from whichway.analysis.errors import UserError
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.model import load_model
from whichway.analysis.paths.chosen_method import choose_method
from whichway.analysis.prompts.pairs import SAME_SCENE
from whichway.analysis.prompts.world_pairs import world_pairs
from whichway.analysis.study import challenge as module
from whichway.analysis.study.challenge import FIRST_TUNING_SEED, read_challenge, run_challenge
from whichway.analysis.study.plan import read_plan
from whichway.analysis.study.results import read_results
from whichway.analysis.study.selection import CANDIDATES, SelectionRule, compare_candidates, judge, pick
from whichway.analysis.study.settings import StudySettings

RULE = SelectionRule()


def results_of(pairs=30, noise=0.02, **methods):
    """Method → its ratios to optimal in PPL, Gini, worst step and the confidence in some scene."""
    rng, rows = np.random.default_rng(0), []
    for pair in range(pairs):
        base = {
            "ppl_ssim": rng.uniform(2, 6),
            "gini_ssim": rng.uniform(0.1, 0.3),
            "worst_step_ssim": 2.0,
            "scene_confidence": 0.8,
        }
        stratum = SAME_SCENE if pair % 5 == 4 else "0–1"
        rows.append({"pair": pair, "seed": 0, "method": "optimal", "stratum": stratum} | base)
        for method, ratios in methods.items():
            jitter = np.exp(rng.normal(0, noise, 4))
            absurd = 100 if stratum == SAME_SCENE else 1
            values = {
                name: value * ratio * wobble * absurd
                for (name, value), ratio, wobble in zip(base.items(), ratios, jitter, strict=True)
            }
            rows.append({"pair": pair, "seed": 0, "method": method, "stratum": stratum} | values)
    return pd.DataFrame(rows)


def compared(**methods):
    return compare_candidates(results_of(**methods), "ssim", methods, RULE)


def test_the_shortest_that_is_no_worse_in_anything_is_picked():
    methods = {
        "mushy": (0.7, 1.0, 1.0, 0.8),  # short because its middle is mush
        "uneven": (0.8, 1.3, 1.0, 1.0),
        "jumpy": (0.8, 1.0, 1.2, 1.0),
        "good": (0.9, 1.0, 1.0, 1.0),
        "better": (0.85, 1.02, 1.0, 0.99),
        "long": (1.1, 0.5, 0.5, 1.1),
    }
    found = compared(**methods)
    assert [each.method for each in found] == list(methods)
    assert found[0].costs["scene_confidence"][0] == pytest.approx(1 / 0.8, rel=0.02)
    assert pick(found, RULE) == "better"
    assert pick(compared(long=methods["long"], mushy=methods["mushy"]), RULE) is None


@pytest.mark.parametrize("damaged", ["{", "null", "[]"])
def test_a_damaged_rule_is_one_line(damaged, tmp_path):
    (tmp_path / "rule.json").write_text(damaged)
    with pytest.raises(UserError, match=r"rule\.json' is damaged; choose another folder"):
        module._write_once(tmp_path / "rule.json", RULE.as_json())


def test_the_verdict_needs_the_gain_its_interval_and_every_guard():
    def verdict(*ratios, **options):
        [result] = compare_candidates(results_of(method=ratios, **options), "ssim", ["method"], RULE)
        return judge(result, RULE)

    assert all(verdict(0.9, 1.0, 1.0, 1.0).values())
    assert verdict(0.97, 1.0, 1.0, 1.0) == {"ppl": False, "gini": True, "worst_step": True, "scene_confidence": True}
    assert not verdict(0.9, 1.0, 1.0, 1.0, noise=0.6)["ppl"]  # short on average, for all one can tell
    assert not verdict(0.9, 1.045, 1.0, 1.0, noise=0.12)["gini"]  # within the margin on average, not for sure
    assert not verdict(0.9, 1.0, 1.1, 1.0)["worst_step"]
    assert not verdict(0.9, 1.0, 1.0, 0.9)["scene_confidence"]


def test_pairs_that_say_the_same_do_not_count():
    """Where they are a hundred times as long (above), nothing changes."""
    [result] = compared(good=(0.9, 1.0, 1.0, 1.0))
    assert result.costs["ppl"][0] == pytest.approx(0.9, rel=0.02)
    assert result.ratios["ppl"].pairs == 24


def test_every_candidate_is_a_method_and_says_why():
    for name, reason in CANDIDATES.items():
        choose_method(name)
        assert reason


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu")


@pytest.fixture(scope="module")
def settings(tiny_pipeline_folder):
    return StudySettings(
        ("optimal",),
        frames=3,
        seeds=1,
        perceptual_distances=("ssim",),
        model=ModelChoice(str(tiny_pipeline_folder), device="cpu"),
        sampling=Sampling(num_inference_steps=1, guidance_scale=1.0),
    )


TUNING, HELD_OUT = world_pairs(6, tuning=True).pairs, world_pairs(6).pairs
LENIENT = replace(RULE, margin=10.0)


def test_what_is_picked_on_the_tuning_pairs_is_judged_on_the_others(
    settings, model, tmp_path, tmp_path_factory, monkeypatch
):
    figures = tmp_path_factory.mktemp("figures")
    monkeypatch.setattr("figures.collect.HERE", figures)
    real, begun = module.run_study, []

    def watched(of_study, pairs, out, **options):
        begun.append((out.name, of_study.noise_seeds, of_study.methods, (tmp_path / "selection.json").is_file()))
        assert (tmp_path / "rule.json").is_file()
        return real(of_study, pairs, out, **options)

    monkeypatch.setattr(module, "run_study", watched)
    monkeypatch.setattr(module, "pick", lambda compared, rule: "mixture")
    options = {"model": model, "candidates": ("mixture", "ordered+displacement"), "rule": LENIENT, "progress": False}
    found = run_challenge(settings, TUNING, HELD_OUT, tmp_path, **options)
    assert begun == [
        ("tuning", (FIRST_TUNING_SEED,), ("identity", "optimal", "mixture", "ordered+displacement"), False),
        ("held-out", (0,), ("identity", "optimal", "mixture"), True),
    ]
    assert read_plan(tmp_path / "tuning").hypotheses == ()
    declared = read_plan(tmp_path / "held-out").hypotheses
    assert [(each.method, each.reference, each.measure) for each in declared] == [
        ("mixture", "optimal", measure)
        for measure in ("ppl", "gini", "worst_step", "scene_confidence", "scene_agreement")
    ]
    assert set(read_results(tmp_path / "held-out")["prompt_a"]) == {pair.prompt_a for pair in HELD_OUT}
    assert json.loads((tmp_path / "verdict.json").read_text())["beaten"] is found.beaten
    assert repr(read_challenge(tmp_path)) == repr(found)
    collected = CliRunner().invoke(collect, [str(tmp_path), "challenge"])
    assert collected.exit_code == 0, collected.output
    section = challenge(figures / "challenge")
    assert section.startswith("Is there a better method than the paper's? 2 candidates on 5 pairs for tuning")
    assert "The rule picks `mixture`. On 5 held-out pairs" in section
    assert section.count("| `ordered+displacement` | ") == 1
    assert section.count("| `mixture` | ") == 2
    table = pd.read_csv(tmp_path / "candidates.csv")
    assert list(table["method"]) == ["mixture", "ordered+displacement"]
    assert (tmp_path / "candidates.tex").read_text().startswith(r"\begin{tabular}")
    monkeypatch.setattr(module, "pick", lambda compared, rule: "ordered+displacement")
    with pytest.raises(UserError, match=r"selection\.json' says otherwise than this run would"):
        run_challenge(settings, TUNING, HELD_OUT, tmp_path, **options)
    with pytest.raises(UserError, match=r"rule\.json' says otherwise"):
        run_challenge(settings, TUNING, HELD_OUT, tmp_path, **options | {"rule": RULE})


def test_prompts_in_both_sets_are_refused(settings, model, tmp_path):
    with pytest.raises(UserError, match="2 prompts are in both sets, for tuning and held out"):
        run_challenge(settings, TUNING, (*HELD_OUT, TUNING[0]), tmp_path, model=model)


def test_the_command_says_what_came_out_and_how_long_it_would_take(tiny_pipeline_folder, tmp_path):
    options = ["--model", str(tiny_pipeline_folder), "--device", "cpu", "--steps", "1", "--frames", "3", "--seeds", "1"]
    options += ["--per-stratum", "1", "--per-stratum-tuning", "1", "--perceptual-distances", "ssim"]
    options += ["--candidates", "identity+displacement", "--out", str(tmp_path / "run")]
    dry = CliRunner().invoke(main, ["challenge", *options, "--dry-run"])
    assert dry.exit_code == 0, dry.output
    assert "tuning: 6 (pair, seed) ×" in dry.output
    assert "held out: 6 (pair, seed) ×" in dry.output
    assert not (tmp_path / "run").exists()
    result = CliRunner().invoke(main, ["challenge", *options])
    assert result.exit_code == 0, result.output
    assert "not measured, or no ratio, so not judged: text_image_score" in result.output  # cosines of noise, below 0
    assert "candidates.csv" in result.output
    one = CliRunner().invoke(main, ["challenge", "--pairs", "x.csv", *options])
    assert one.exit_code == 2
    assert "wanted both or neither" in one.output
