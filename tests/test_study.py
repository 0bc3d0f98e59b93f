"""A study as its user meets it: stopped and continued, spread over a cluster, read again, reported."""

import json
from dataclasses import replace
from itertools import islice
from shutil import copy2, copytree, rmtree

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from filelock import FileLock

from whichway.analysis.command.main import main
from whichway.analysis.errors import UserError
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.model import load_model
from whichway.analysis.prompts.pairs import PromptPair, world_pairs
from whichway.analysis.runs.run import open_run
from whichway.analysis.statistics import estimates
from whichway.analysis.study import kernel_distances, report, saved_study, study
from whichway.analysis.study.kernel_distances import read_kernel_distances
from whichway.analysis.study.on_cluster import records_on_cluster, require_same_model
from whichway.analysis.study.records import append_records, read_records
from whichway.analysis.study.report import endpoint_check, write_report
from whichway.analysis.study.results import read_results, read_steps
from whichway.analysis.study.settings import StudySettings
from whichway.analysis.study.strips import draw_strips, draw_study_strip, strip_pairs
from whichway.analysis.study.study import describe_study, run_study
from whichway.analysis.study.tables import strata_tables
from whichway.analysis.study.unit import Unit, unit_frames
from whichway.analysis.vocabulary import MEASURES

METHODS = ("identity", "optimal", "mixture", "optimal@cross-attention")
PAIRS = (*world_pairs(5).pairs, PromptPair("<script>alert(1)</script>", "a $pizza$ & {tea}", 2.5))


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


def test_one_row_for_each_pair_seed_and_method(finished):
    _, results = finished
    assert len(results) == len(results.drop_duplicates(["pair", "seed", "method"])) == 6 * 2 * 4
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
    with open_run(tmp_path, "study", **describe_study(settings, PAIRS, model), model=model):
        append_records(tmp_path, (record(unit, settings, model, tmp_path) for unit in islice(units, 3)))
    with (tmp_path / "records.jsonl").open("a") as file:
        file.write('{"pair": 1, "seed": 1, "dist')
    results = run_study(settings, PAIRS, tmp_path, model=model, progress=False)
    assert sorted(rendered) == [unit.key for unit in units]
    columns = ["pair", "seed", "method", "ppl_ssim"]
    pd.testing.assert_frame_equal(results[columns], finished[1][columns])
    assert len(list(read_records(tmp_path))) == len(units)


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


def test_the_report_holds_everything_and_escapes_what_was_typed(finished):
    out, results = finished
    page = write_report(out)[0].read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count("data:image/png;base64,") == 8
    assert "http" not in page
    for name in ("comparison", "strata", "distances", "geometry", "steps", "strip-best", "strip-median", "strip-worst"):
        assert (out / "figures" / f"{name}.pdf").is_file()
    table = pd.read_csv(out / "results.csv")
    assert table["ppl_ssim"].to_numpy() == pytest.approx(results["ppl_ssim"].to_numpy())


def test_the_latex_table_has_the_numbers_of_the_results(finished):
    """Worked out from the results by hand: seeds are averaged within their pair, ratios are geometric means."""
    out, results = finished
    write_report(out)
    ppl = results.groupby(["pair", "method"])["ppl_ssim"].mean().unstack()
    heading, *lines = [line for line in (out / "table.tex").read_text().splitlines() if line.endswith(r"\\")]
    assert heading.startswith("method & mean PPL & ratio to identity")
    assert [line.split(" & ")[0] for line in lines] == ["optimal", "mixture", "optimal@cross-attention"]
    for line in lines:
        method, mean, ratio, _, wins = line.removesuffix(r"\,\% \\").split(" & ")
        ratios = ppl[method] / ppl["identity"]
        assert float(mean) == pytest.approx(ppl[method].mean(), abs=6e-4)
        assert float(ratio) == pytest.approx(np.exp(np.log(ratios).mean()), abs=6e-4)
        assert float(wins) == pytest.approx(100 * ((ratios < 1) + 0.5 * (ratios == 1)).mean(), abs=0.6)


def test_strips_whose_frames_were_not_kept_are_rendered_again_where_there_is_the_model(finished, model, tmp_path):
    out, results = finished
    for name in ("manifest.json", "records.jsonl"):
        copy2(out / name, tmp_path / name)
    with pytest.raises(UserError, match="has no frames of pair"):
        draw_study_strip(tmp_path, "best")
    pairs = strip_pairs(results, "ssim")
    assert draw_strips(tmp_path, saved_study.read_study(tmp_path), pairs) == {}
    assert len(draw_strips(tmp_path, saved_study.read_study(tmp_path), pairs, model)) == 3
    ppl = results.pivot_table(index="pair", columns="method", values="ppl_ssim")
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
    tables = {table["measure"]: table for table in strata_tables(results, "ssim", "identity")}
    without_features = {"curvature", "kernel_distance"}  # ssim has no angles; the last is of all pairs together
    assert list(tables) == [name for name in MEASURES if name not in without_features]
    assert len(tables["ppl"]["strata"]) == results["stratum"].nunique()
    method, cells = tables["ppl"]["rows"][0]
    for cell, (_, group) in zip(cells, results.groupby("stratum"), strict=True):
        assert cell.mean == pytest.approx(group.loc[group["method"] == method, "ppl_ssim"].mean())
    assert strata_tables(results.assign(stratum=None), "ssim", "identity") == []


def test_the_frames_of_all_pairs_are_compared_with_painted_scenes(finished):
    out, results = finished
    distances = read_kernel_distances(out)
    assert distances.real_images == "500 painted scenes"
    assert distances.pairs == results["pair"].nunique()
    assert distances.units == len(results.drop_duplicates(["pair", "seed"]))
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
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        victim = next(iter(cluster.workers.values()))

        def kill_after_two(records):
            for number, record in enumerate(records):
                if number == 2:
                    victim.process.process._process.kill()
                yield record

        units = [Unit(index, pair, seed) for index, pair in enumerate(PAIRS) for seed in range(2)]
        with open_run(tmp_path, "study", **describe_study(settings, PAIRS, model), model=model):
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
    strict = CliRunner().invoke(main, ["study", "--pairs", str(pairs), "--strict", *options])
    assert strict.exit_code == 2
    assert "empty prompts: line 3" in strict.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ()}, "methods: none given"),
        ({"methods": ("optimal@sideways",)}, "unknown 'sideways' in 'optimal@sideways'"),
        ({"perceptual_distances": ("beauty",)}, "perceptual_distances: unknown 'beauty'; known: lpips"),
        ({"seeds": 0}, "seeds: wanted at least 1"),
    ],
)
def test_settings_that_make_no_sense_are_named(options, message):
    with pytest.raises(UserError, match=message):
        StudySettings(**options)


def test_a_scheduler_that_does_not_answer_is_named(settings, model, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    from whichway.analysis import cluster

    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with pytest.raises(UserError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:1'"):
        run_study(settings, PAIRS, tmp_path, model=model, dask="tcp://127.0.0.1:1")


def test_a_folder_without_a_study_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no study"):
        write_report(tmp_path)
    np.testing.assert_equal(len(list(read_records(tmp_path))), 0)


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
    assert "endpoint check: every path ends in the image of B" in write_report(out)[0].read_text(encoding="utf-8")
    study = saved_study.read_study(out)
    assert endpoint_check(study, results).passed
    elsewhere = results.assign(endpoint_error=results["endpoint_error"].where(results["method"] != "optimal", 99))
    check = endpoint_check(study, elsewhere)
    assert not check.passed
    assert check.worst == "optimal"
    page = report.render_page(study, elsewhere, ["identity"], {})
    assert 'class="failed">endpoint check FAILED: optimal ends in another image' in page


def test_a_study_of_another_layout_is_refused_in_one_line(tmp_path, settings, model):
    (tmp_path / "study.json").write_text("{}")
    for action in (lambda: read_results(tmp_path), lambda: run_study(settings, PAIRS, tmp_path, model=model)):
        with pytest.raises(UserError, match="holds a run of another version of whichway; choose another folder"):
            action()
