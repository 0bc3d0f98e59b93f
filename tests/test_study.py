"""A study as its user meets it: stopped and continued, spread over a cluster, read again, reported."""

import json
import re
from dataclasses import replace
from itertools import islice
from pathlib import Path
from shutil import copy2, copytree, rmtree

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from distributed import LocalCluster
from filelock import FileLock

from whichway.analysis.command.main import main
from whichway.analysis.errors import UserError
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.model import load_model
from whichway.analysis.models.with_model import with_model
from whichway.analysis.pictures.style import contrast
from whichway.analysis.prompts.pairs import DIFFERING, GROUPS, LENGTH, SAME_SCENE, WORD_ORDER, PromptPair
from whichway.analysis.prompts.world_pairs import world_pairs
from whichway.analysis.runs.run import open_run
from whichway.analysis.statistics import estimates
from whichway.analysis.study import kernel_distances, report, saved_study, study
from whichway.analysis.study.declared_tests import carry_out
from whichway.analysis.study.kernel_distances import read_kernel_distances
from whichway.analysis.study.measures import measured_columns
from whichway.analysis.study.on_cluster import records_on_cluster, require_same_model
from whichway.analysis.study.plan import FILE, Hypothesis, plan_study, read_plan, write_plan
from whichway.analysis.study.records import append_records, read_records
from whichway.analysis.study.report import endpoint_check, write_report
from whichway.analysis.study.results import group_of, read_results, read_seconds, read_steps
from whichway.analysis.study.settings import StudySettings
from whichway.analysis.study.strips import draw_strips, draw_study_strip, strip_pairs
from whichway.analysis.study.study import describe_study, run_study
from whichway.analysis.study.summary import conclusion
from whichway.analysis.study.tables import claim_table, latex_table, strata_table
from whichway.analysis.study.unit import Unit, unit_frames
from whichway.geometry import unbalanced

METHODS = ("identity", "optimal", "mixture", "optimal@cross-attention")
ROOT = Path(__file__).parent.parent
PAIRS = (
    *world_pairs(5).pairs,
    PromptPair("<script>alert(1)</script>", "a $pizza$ & {tea}", 2.5),
    *world_pairs(3, strata=(SAME_SCENE, WORD_ORDER, LENGTH)).pairs,
)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(estimates, "RESAMPLES", 199)


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu")


@pytest.fixture(scope="module")
def settings(tiny_pipeline_folder):
    return StudySettings(
        METHODS,
        frames=3,
        seeds=2,
        perceptual_distances=("ssim", "flip"),
        model=ModelChoice(str(tiny_pipeline_folder), device="cpu"),
        sampling=Sampling(num_inference_steps=1, guidance_scale=1.0),
    )


@pytest.fixture(scope="module")
def finished(settings, model, tmp_path_factory):
    out = tmp_path_factory.mktemp("study")
    return out, run_study(settings, PAIRS, out, model=model, progress=False)


def page_of(out):
    """The report's page without its pictures, which take most of the time."""
    saved, results = saved_study.read_study(out), read_results(out)
    return report.render_page(saved, results, report.make_tables(saved, results, ["identity"]), {}, read_seconds(out))


def test_one_row_for_each_pair_seed_and_method(finished):
    _, results = finished
    assert len(results) == len(results.drop_duplicates(["pair", "seed", "method"])) == len(PAIRS) * 2 * 4
    assert results["endpoint_error"].max() <= 1
    assert (results["centroid"] <= results["wasserstein"] * (1 + 1e-6)).all()
    optimal = results[results["method"] == "optimal"]
    assert optimal["length"].to_numpy() == pytest.approx(optimal["wasserstein"].to_numpy(), rel=1e-5)
    assert optimal["path_wasserstein"].to_numpy() == pytest.approx(optimal["wasserstein"].to_numpy(), rel=1e-4)
    identity = results[results["method"] == "identity"]
    assert identity["path_frobenius"].to_numpy() == pytest.approx(identity["rms_frobenius"].to_numpy(), rel=1e-4)
    pull_back = results[results["method"] == "optimal@cross-attention"]
    assert (pull_back["path_wasserstein"] >= pull_back["wasserstein"] * (1 - 1e-6)).all()


def test_a_path_on_which_mass_goes_over_has_no_length_in_w2(finished, tmp_path):
    """Whatever older records say: the sum over its steps grows with their number."""
    out, results = finished
    mixture, optimal = (results[results["method"] == name] for name in ("mixture", "optimal"))
    for column in ("length", "path_wasserstein", "path_pull_back"):
        assert mixture[column].isna().all()
        assert optimal[column].notna().all()
    (tmp_path / "manifest.json").write_bytes((out / "manifest.json").read_bytes())
    older = [json.loads(line) for line in (out / "records.jsonl").read_text().splitlines()]
    for record in older:
        record["methods"]["mixture"]["lengths"] |= {"wasserstein": [1.0, 1.0], "pull_back": [1.0, 1.0]}
        record["methods"]["mixture"]["length"] = 2.0
    append_records(tmp_path, older)
    again = read_results(tmp_path)
    assert (
        again.loc[again["method"] == "mixture", ["length", "path_wasserstein", "path_pull_back"]].isna().all(axis=None)
    )
    steps = read_steps(tmp_path)
    assert steps.loc[steps["method"] == "mixture", ["wasserstein", "pull_back"]].isna().all(axis=None)
    assert steps.loc[steps["method"] == "optimal", ["wasserstein", "pull_back"]].notna().all(axis=None)


def test_steps_add_up(finished):
    out, results = finished
    totals = read_steps(out).groupby(["pair", "seed", "method"])["ssim"].sum()
    ppl = results.set_index(["pair", "seed", "method"])["ppl_ssim"].sort_index()
    assert totals.to_numpy() == pytest.approx(ppl.to_numpy(), rel=1e-5)
    assert (ppl > 0).all()


def test_a_finished_study_does_nothing_more(finished, settings, model, monkeypatch):
    out, results = finished
    monkeypatch.setattr(study, "unit_record", lambda *_: pytest.fail("done again"))
    pd.testing.assert_frame_equal(run_study(settings, PAIRS, out, model=model, progress=False), results)


def test_a_killed_study_is_completed_without_loss_or_repetition(finished, settings, model, tmp_path, monkeypatch):
    """Killed after three units, in the middle of writing the fourth record."""
    real = study.unit_record
    rendered = []

    def record(unit, *rest):
        rendered.append(unit.key)
        return real(unit, *rest)

    monkeypatch.setattr(study, "unit_record", record)
    units = [Unit(index, pair, seed) for index, pair in enumerate(PAIRS) for seed in range(2)]
    settings, _ = with_model(settings, model)
    with open_run(tmp_path, "study", **describe_study(settings, PAIRS, model), model=model):
        append_records(tmp_path, (record(unit, settings, model, tmp_path) for unit in islice(units, 3)))
    with (tmp_path / "records.jsonl").open("a") as file:
        file.write('{"pair": 1, "seed": 1, "dist')
    results = run_study(settings, PAIRS, tmp_path, model=model, progress=False)
    assert sorted(rendered) == [unit.key for unit in units]
    columns = ["pair", "seed", "method", "ppl_ssim"]
    pd.testing.assert_frame_equal(results[columns], finished[1][columns])
    assert len(read_records(tmp_path)) == len(units)


def test_a_solver_that_does_not_converge_costs_a_study_one_pair_of_one_method(settings, model, tmp_path, monkeypatch):
    """Hours of a study once ended there, and the same command ended there again."""
    pairs = PAIRS[:4]
    stubborn = model.encode([pairs[1].prompt_a])[0].cloud

    def give_up(a, b, *_):
        if torch.equal(a.rows, stubborn.rows):
            raise RuntimeError("unbalanced transport did not converge (duality gap 1.0)")
        return solve(a, b, *_)

    solve = unbalanced.unbalanced_plan
    monkeypatch.setattr(unbalanced, "unbalanced_plan", give_up)
    some = replace(settings, methods=("identity", "optimal", "unbalanced"), seeds=1)
    lines = []
    results = run_study(some, pairs, tmp_path, model=model, progress=False, report=lines.append)
    assert sorted(results.groupby("method")["pair"].nunique().to_dict().items()) == [
        ("identity", 4),
        ("optimal", 4),
        ("unbalanced", 3),
    ]
    [record] = [record for record in read_records(tmp_path) if "left_out" in record]
    assert record["left_out"]["unbalanced"].startswith("method 'unbalanced': unbalanced transport did not converge")
    assert any("did not converge on 1 pairs (the first: number 1)" in line for line in lines)
    assert write_report(tmp_path, model)


def test_a_second_process_on_the_same_study_is_refused(finished, settings, model):
    out, _ = finished
    with FileLock(out / ".lock"), pytest.raises(UserError, match="another process works on the run"):
        run_study(settings, PAIRS, out, model=model)


def test_another_study_in_the_folder_is_refused(finished, settings, model):
    out, _ = finished
    with pytest.raises(UserError, match=r"holds a run of other settings \(other pairs\)"):
        run_study(settings, PAIRS[:2], out, model=model)
    other = replace(settings, frames=4)
    with pytest.raises(UserError, match=r"holds a run of other settings \(frames: 3 there, 4 here"):
        run_study(other, PAIRS, out, model=model)
    with pytest.raises(UserError, match="declared other hypotheses; choose another folder"):
        run_study(settings, PAIRS, out, model=model, hypotheses=())


def test_nothing_is_asked_of_groups_without_pairs(settings):
    asked = {hypothesis.group for hypothesis in plan_study(settings, PAIRS[:5]).hypotheses}
    assert asked == {DIFFERING}
    assert asked < {hypothesis.group for hypothesis in plan_study(settings, PAIRS).hypotheses}


def test_a_plan_is_written_once(tmp_path, settings):
    plan = plan_study(settings, PAIRS)
    write_plan(tmp_path, plan)
    [file] = tmp_path.iterdir()
    written = file.read_text().replace('"written": "', '"written": "on another day ')
    file.write_text(written)
    write_plan(tmp_path, plan)
    assert file.read_text() == written
    with pytest.raises(UserError, match="declared other hypotheses"):
        write_plan(tmp_path, replace(plan, seeds=(7,)))


def test_the_report_holds_everything_and_escapes_what_was_typed(finished):
    out, results = finished
    page = write_report(out)[0].read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count("data:image/png;base64,") == 9
    assert "http" not in page
    assert page.index("The claim, by stratum") < page.index("How it was measured") < page.index("The hypotheses")
    for name in (
        "claim",
        "comparison",
        "strata",
        "distances",
        "geometry",
        "steps",
        "strip-best",
        "strip-median",
        "strip-worst",
    ):
        assert (out / "figures" / f"{name}.pdf").is_file()
    for name in ("claim", "tests", "comparisons"):
        assert (out / "tables" / f"{name}.tex").read_text(encoding="utf-8").startswith(r"\begin{tabular}")
        assert len(pd.read_csv(out / "tables" / f"{name}.csv"))
    for link in re.findall(r'href="([^"#]+)"', page):
        assert (out / link).exists(), link
    headings = re.findall(r"<h[123][^>]*>(.*?)</h", page)
    assert len(set(headings)) == len(headings)
    for table in re.findall(r"<table>(.*?)</table>", page, re.DOTALL):
        columns = re.findall(r"<th>(.*?)</th>", table)
        assert len(set(columns)) == len(columns)
    table = pd.read_csv(out / "tables" / "results.csv")
    assert table["ppl_ssim"].to_numpy() == pytest.approx(results["ppl_ssim"].to_numpy())


def test_the_latex_table_has_the_numbers_of_the_results(finished):
    """Worked out from the results by hand: seeds are averaged within their pair, ratios are geometric means."""
    out, results = finished
    tables = report.make_tables(saved_study.read_study(out), results, ["identity", "optimal"])
    ppl = group_of(results, DIFFERING).groupby(["pair", "method"])["ppl_ssim"].mean().unstack()
    text = latex_table(report.short_tables(tables, "ssim")["comparisons"])
    heading, *lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert heading.startswith(r"method & reference & mean & ratio & ratio, 95\% interval & effect")
    assert [line.split(" & ")[0] for line in lines[:3]] == ["optimal", "mixture", "optimal@cross-attention"]
    for line in lines[:3]:
        method, reference, mean, ratio, *_, wins = line.removesuffix(r" \\").split(" & ")
        ratios = ppl[method] / ppl[reference]
        assert reference == "identity"
        assert float(mean) == pytest.approx(ppl[method].mean(), abs=6e-4)
        assert float(ratio) == pytest.approx(np.exp(np.log(ratios).mean()), abs=6e-4)
        assert float(wins) == pytest.approx(((ratios < 1) + 0.5 * (ratios == 1)).mean(), abs=6e-4)


def test_no_headline_averages_over_pairs_that_say_the_same(finished):
    """Make those pairs absurd: nothing that is said of pairs that differ changes."""
    _, results = finished
    absurd = results.copy()
    same = absurd["stratum"].isin((SAME_SCENE, WORD_ORDER, LENGTH))
    assert 0 < same.sum() < len(same)
    absurd.loc[same & (absurd["method"] == "optimal"), "ppl_ssim"] *= 1000
    tables = [claim_table(table, "ssim", method="optimal", reference="identity") for table in (results, absurd)]
    kept = [table[~table["stratum"].isin((SAME_SCENE, WORD_ORDER, LENGTH))] for table in tables]
    pd.testing.assert_frame_equal(*kept)
    assert tables[0]["stratum"].iloc[0] == DIFFERING
    assert set(tables[0]["stratum"]) == {DIFFERING, *results["stratum"]}
    for name in (SAME_SCENE, WORD_ORDER, LENGTH):
        before, after = (table.set_index("stratum").loc[name, "ratio"] for table in tables)
        assert after == pytest.approx(1000 * before)


def test_what_is_asked_is_written_down_before_the_first_frame(settings, model, tmp_path, monkeypatch):
    def stop(*_):
        written = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))
        assert written["correction"].startswith("Holm")
        assert written["pairs"]["word order"] == 1
        assert written["seeds"] == [0, 1]
        raise KeyboardInterrupt

    monkeypatch.setattr(study, "unit_record", stop)
    with pytest.raises(KeyboardInterrupt):
        run_study(settings, PAIRS, tmp_path, model=model, progress=False)
    declared = read_plan(tmp_path).hypotheses
    assert declared[0] == Hypothesis("optimal", "identity", "ppl", "ssim", DIFFERING)
    assert {each.group for each in declared if (each.method, each.reference) == ("optimal", "identity")} == {
        DIFFERING, SAME_SCENE, WORD_ORDER, LENGTH,
    }  # fmt: skip
    assert Hypothesis("mixture", "optimal", "ppl", "ssim", DIFFERING) in declared
    assert len(set(declared)) == len(declared) == 7


def test_the_family_is_corrected_as_a_whole(finished):
    """By hand from its own p-values: Holm, with hypotheses that have no results counted."""
    out, results = finished
    declared = [*read_plan(out).hypotheses, Hypothesis("slerp", "identity", "ppl", "ssim", DIFFERING)]
    tested = carry_out(results, declared)
    p = [1.0 if each.comparison is None or each.comparison.p is None else each.comparison.p for each in tested]
    assert tested[-1].comparison is None
    for each in tested[:-1]:  # each on the pairs of its own group
        rows = results[
            ~results["stratum"].isin(GROUPS)
            if each.hypothesis.group == DIFFERING
            else results["stratum"] == each.hypothesis.group
        ]
        assert each.comparison.pairs == rows["pair"].nunique()
    order = np.argsort(p)
    corrected = np.minimum(1, np.maximum.accumulate([(len(p) - k) * p[index] for k, index in enumerate(order)]))
    assert [tested[index].p_holm for index in order] == pytest.approx(list(corrected))
    assert carry_out(results, []) == []


def test_an_older_study_without_a_plan_is_described_and_says_so(finished, tmp_path):
    out, _ = finished
    for name in ("manifest.json", "records.jsonl"):
        copy2(out / name, tmp_path / name)
    page = page_of(tmp_path)
    assert "Not declared" in page
    assert "before the first image; there are no other tests" not in page
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(UserError, match=r"study.json' is damaged; it said what the study asks"):
        page_of(tmp_path)


def test_records_say_how_long_they_took_and_how_much_of_it_in_the_model(finished):
    seconds = read_seconds(finished[0])
    assert 0 < seconds["model"] < seconds["all"]


def test_noises_start_where_they_are_told_to(settings, model, tmp_path):
    later = replace(settings, methods=("identity",), seeds=1, first_seed=1)
    results = run_study(later, PAIRS[:1], tmp_path, model=model, progress=False)
    assert set(results["seed"]) == {1}
    assert read_plan(tmp_path).seeds == (1,)


def test_measures_that_need_no_perceptual_distance_are_read_from_the_records(finished, tmp_path):
    out, _ = finished
    for name in ("manifest.json", FILE):
        copy2(out / name, tmp_path / name)
    records = [json.loads(line) for line in (out / "records.jsonl").read_text().splitlines()]
    for record in records:
        for number, measured in enumerate(record["methods"].values()):
            measured["measures"] = {"scene_confidence": 0.9 - 0.1 * number + 0.01 * record["pair"]}
    append_records(tmp_path, records)
    results = read_results(tmp_path)
    columns = {column.measure: column for column in measured_columns(results, "ssim")}
    assert columns["scene_confidence"].column == "scene_confidence"
    assert columns["scene_confidence"].described.better == "high"
    assert "curvature" not in columns  # SSIM has no features to turn in
    table = strata_table(results, "ssim", "identity")
    fidelity = table[table["measure"] == "scene_confidence"]
    assert (fidelity["wins"] == 0).all()
    assert (fidelity["ratio"] < 1).all()
    page = page_of(tmp_path)
    assert "scene confidence against identity: fidelity, high is better" in page


def test_strips_whose_frames_were_not_kept_are_rendered_again_where_there_is_the_model(finished, model, tmp_path):
    out, results = finished
    for name in ("manifest.json", "records.jsonl"):
        copy2(out / name, tmp_path / name)
    with pytest.raises(UserError, match="has no frames of pair"):
        draw_study_strip(tmp_path, "best")
    pairs = strip_pairs(results, "ssim")
    assert draw_strips(tmp_path, saved_study.read_study(tmp_path), pairs) == {}
    assert len(draw_strips(tmp_path, saved_study.read_study(tmp_path), pairs, model)) == 3
    differing = results[~results["stratum"].isin(GROUPS)]
    ppl = differing.pivot_table(index="pair", columns="method", values="ppl_ssim")
    ratios = (ppl["optimal"] / ppl["identity"]).sort_values()
    assert (ratios.index[0], ratios.index[-1]) == (pairs["best"], pairs["worst"])
    for pair in pairs.values():
        for method in ("identity", "optimal"):
            addresses = []
            for folder in (out, tmp_path):
                store, index = unit_frames(folder, Unit(pair, PAIRS[pair], 0))
                addresses.append(index.addresses(method, [0, 0.5, 1]))
                assert all(store.path(address).is_file() for address in addresses[-1])
            assert addresses[0] == addresses[1]
    assert draw_study_strip(tmp_path, "best").axes


def test_each_stratum_is_compared_within_itself(finished):
    _, results = finished
    table = strata_table(results, "ssim", "identity")
    assert list(dict.fromkeys(table["measure"])) == [
        *("ppl", "energy", "directness", "worst_step", "gini", "consistency"),
        *("scene_confidence", "scene_agreement", "text_image_score"),
    ]
    assert table["stratum"].nunique() == results["stratum"].nunique()
    ppl = table[table["measure"] == "ppl"].set_index(["stratum", "method"])
    for stratum, group in results.groupby("stratum"):
        mean = group.loc[group["method"] == "mixture", "ppl_ssim"].mean()
        assert ppl.loc[(stratum, "mixture"), "mean"] == pytest.approx(mean)
    assert strata_table(results.assign(stratum=None), "ssim", "identity").empty


def test_the_frames_of_all_pairs_that_differ_are_compared_with_painted_scenes(finished):
    out, results = finished
    distances, differing = read_kernel_distances(out), group_of(results, DIFFERING)
    assert distances.real_images == "500 painted scenes"
    assert distances.pairs == differing["pair"].nunique() < results["pair"].nunique()
    assert distances.units == len(differing.drop_duplicates(["pair", "seed"]))
    assert list(distances.methods) == list(dict.fromkeys(results["method"]))
    assert distances.methods["identity"].difference is None
    assert all(each.low < each.high for each in distances.methods.values())


def test_another_models_frames_are_compared_with_its_own_images(finished, model, monkeypatch, tmp_path):
    out, _ = finished
    copy = tmp_path / "study"
    copytree(out, copy)
    monkeypatch.setattr(kernel_distances, "draws_the_world", lambda pipeline: False)
    distances = kernel_distances.measure_kernel_distances(copy, model.pipeline)
    assert distances.real_images.startswith(f"{2 * distances.units} of the model's own images")
    rmtree(copy / "frames")
    with pytest.raises(UserError, match=r"lacks frames of pair 0, seed 0, 'identity'"):
        kernel_distances.measure_kernel_distances(copy, model.pipeline)


def test_a_study_of_one_pair_and_one_method_has_a_report(settings, model, tmp_path, tiny_pipeline_folder):
    small = replace(settings, methods=("optimal",), frames=2, seeds=1, perceptual_distances=("ssim",))
    run_study(small, PAIRS[:1], tmp_path, model=model, progress=False)
    assert write_report(tmp_path)[0].is_file()


def test_two_workers_of_a_cluster_do_the_same_and_one_may_die(finished, settings, model, tmp_path):
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        victim = next(iter(cluster.workers.values()))

        def kill_after_two(records):
            for number, record in enumerate(records):
                if number == 2:
                    victim.process.process._process.kill()
                yield record

        units = [Unit(index, pair, seed) for index, pair in enumerate(PAIRS) for seed in range(2)]
        own, _ = with_model(settings, model)
        with open_run(tmp_path, "study", **describe_study(own, PAIRS, model), model=model):
            records = records_on_cluster(cluster.scheduler_address, settings, units, tmp_path, model)
            append_records(tmp_path, kill_after_two(records))
    results = read_results(tmp_path).sort_values(["pair", "seed"], kind="stable", ignore_index=True)
    columns = ["pair", "seed", "method", "path_wasserstein"]
    pd.testing.assert_frame_equal(results[columns], finished[1][columns], rtol=1e-4)
    # another number of threads rounds otherwise, and a pixel in another direction is 2 % of these small steps
    assert results["ppl_ssim"].to_numpy() == pytest.approx(finished[1]["ppl_ssim"].to_numpy(), rel=0.1)


def test_the_command(tiny_pipeline_folder, tmp_path):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("prompt_a,prompt_b,score\na fox,a panda,3\n,a cat,2\n")
    options = ["--model", str(tiny_pipeline_folder), "--steps", "1", "--frames", "2", "--seeds", "1", "--device", "cpu"]
    options += ["--perceptual-distances", "ssim", "--methods", "identity,optimal", "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(main, ["study", "--pairs", str(pairs), *options])
    assert result.exit_code == 0, result.output
    assert "Warning: 1 row left out, empty prompts: line 3" in result.output
    assert "report.html" in result.output
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["settings"]["pairs"][0]["score"] == 3
    dry = CliRunner().invoke(main, ["study", "--pairs", str(pairs), "--dry-run", *options, "--seeds", "3"])
    assert dry.exit_code == 0, dry.output
    assert re.search(
        r"3 \(pair, seed\) × \(\d frames × [\d.e-]+ s a frame \+ [\d.e-]+ s of measuring\) = \d+ min", dry.output
    )
    strict = CliRunner().invoke(main, ["study", "--pairs", str(pairs), "--strict", *options])
    assert strict.exit_code == 2
    assert "empty prompts: line 3" in strict.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ()}, "methods: none given"),
        ({"methods": ("optimal@sideways",)}, "unknown 'sideways' in 'optimal@sideways'"),
        ({"perceptual_distances": ("beauty",)}, "perceptual_distances: unknown 'beauty'; known: lpips, efficientnet"),
        ({"seeds": 0}, "seeds: wanted 1 to 10,000"),
    ],
)
def test_settings_that_make_no_sense_are_named(options, message):
    with pytest.raises(UserError, match=message):
        StudySettings(**options)


def test_a_scheduler_that_does_not_answer_is_named(settings, model, tmp_path, monkeypatch):
    from whichway.analysis import cluster

    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with pytest.raises(UserError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:1'"):
        run_study(settings, PAIRS, tmp_path, model=model, dask="tcp://127.0.0.1:1")


def test_a_folder_without_a_study_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no study"):
        write_report(tmp_path)
    assert read_records(tmp_path) == []


def test_workers_refuse_another_model_device_or_dtype(model, tiny_pipeline_folder):
    require_same_model(model.identity, model.identity)
    half = load_model(str(tiny_pipeline_folder), device="cpu", dtype="bfloat16")
    with pytest.raises(UserError, match=r"a Dask worker has another model.*dtype 'bfloat16', not 'float32'"):
        require_same_model(model.identity, half.identity)
    with pytest.raises(UserError, match="device 'cuda', not 'cpu'"):
        require_same_model(model.identity, model.identity | {"device": "cuda"})


def test_a_worker_checks_its_model_before_it_renders(settings, model, tmp_path, monkeypatch):
    from whichway.analysis.study import on_cluster

    monkeypatch.setattr(on_cluster, "_model", lambda choice: model)
    work = on_cluster._Work(settings, str(tmp_path), model.identity | {"model_sha256": "another"})
    with pytest.raises(UserError, match="model_sha256"):
        on_cluster._record(work, Unit(0, PAIRS[0], 0))
    assert not list(tmp_path.iterdir())


def test_a_path_that_ends_elsewhere_is_said_in_the_report(finished):
    out, results = finished
    assert "endpoint check: every path ends in the image of B" in page_of(out)
    study = saved_study.read_study(out)
    assert endpoint_check(study, results).passed
    elsewhere = results.assign(endpoint_error=results["endpoint_error"].where(results["method"] != "optimal", 99))
    check = endpoint_check(study, elsewhere)
    assert not check.passed
    assert check.worst == "optimal"
    page = report.render_page(study, elsewhere, {}, {}, {})
    assert 'class="failed">endpoint check FAILED: optimal ends in another image' in page


def test_a_study_of_another_layout_is_refused_in_one_line(tmp_path, settings, model):
    (tmp_path / "study.json").write_text("{}")
    for action in (lambda: read_results(tmp_path), lambda: run_study(settings, PAIRS, tmp_path, model=model)):
        with pytest.raises(UserError, match="holds a run of another version of whichway; choose another folder"):
            action()


def claim_row(pairs: int, ratio: float, low: float, high: float):
    [row] = pd.DataFrame([{"pairs": pairs, "ratio": ratio, "ratio_low": low, "ratio_high": high}]).itertuples()
    return row


def test_a_summary_says_shorter_longer_or_nothing():
    told = [conclusion("optimal", "identity", claim_row(*of)) for of in ((40, 0.9, 0.8, 0.95), (40, 1.2, 1.1, 1.3))]
    assert ["10.0% shorter than" in told[0], "20.0% longer than" in told[1]] == [True, True]
    assert "no difference" in conclusion("optimal", "identity", claim_row(40, 0.97, 0.9, 1.1))
    assert conclusion("optimal", "identity", claim_row(3, 0.5, 0.4, 0.6)).startswith("Over 3 pairs: no conclusion")
    assert conclusion("optimal", "identity", claim_row(1, 0.5, np.nan, np.nan)).startswith("Over 1 pair: no conclusion")


def test_few_pairs_are_neither_better_nor_worse(finished):
    page = page_of(finished[0])
    assert "In short" in page
    assert "pairs: no conclusion)" in page
    assert "1 pairs" not in page
    assert 'class="better"' not in page
    assert 'class="worse"' not in page


def test_the_page_can_be_read_on_light_and_on_dark():
    page = (ROOT / "analysis" / "study" / "templates" / "report.html").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--(\w+): (#\w+)", block)) for block in re.findall(r":root \{(.*?)\}", page, re.DOTALL)
    )
    assert set(light) == set(dark)
    for scheme in (light, dark):
        for ink in ("ink", "faint", "better", "worse"):
            assert contrast(scheme[ink], scheme["page"]) >= 4.5, ink
