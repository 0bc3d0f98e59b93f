"""A study as its user meets it: stopped and continued, spread over a cluster, read again, reported."""

import json
from itertools import islice
from shutil import copy2

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from filelock import FileLock

from whichway.analysis.command.main import main
from whichway.analysis.errors import UserError
from whichway.analysis.models.model import load_model
from whichway.analysis.prompts.pairs import PromptPair, world_pairs
from whichway.analysis.study import statistics, study
from whichway.analysis.study.report import (
    draw_strips,
    draw_study_strip,
    strata_tables,
    strip_pairs,
    write_report,
)
from whichway.analysis.study.study import (
    StudySettings,
    append_records,
    read_records,
    read_results,
    read_steps,
    run_study,
)

METHODS = ("identity", "optimal", "mixture", "optimal@cross-attention")
PAIRS = (*world_pairs(5).pairs, PromptPair("<script>alert(1)</script>", "a $pizza$ & {tea}", 2.5))


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(statistics, "RESAMPLES", 199)


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu")


@pytest.fixture(scope="module")
def settings(tiny_pipeline_folder):
    return StudySettings(
        METHODS, frames=3, seeds=2, steps=1, guidance=1.0, model=str(tiny_pipeline_folder), metrics=("ssim", "flip")
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
    """Killed after three walks, in the middle of writing the fourth record."""
    real = study.unit_record
    walked = []

    def record(unit, *rest):
        walked.append(unit.key)
        return real(unit, *rest)

    monkeypatch.setattr(study, "unit_record", record)
    study.open_study(tmp_path, settings, PAIRS, model)
    units = [study.Unit(index, pair, seed) for index, pair in enumerate(PAIRS) for seed in range(2)]
    append_records(tmp_path, (record(unit, settings, model, tmp_path) for unit in islice(units, 3)))
    with (tmp_path / "records.jsonl").open("a") as file:
        file.write('{"pair": 1, "seed": 1, "dist')
    results = run_study(settings, PAIRS, tmp_path, model=model, progress=False)
    assert sorted(walked) == [unit.key for unit in units]
    columns = ["pair", "seed", "method", "ppl_ssim"]
    pd.testing.assert_frame_equal(results[columns], finished[1][columns])
    assert len(list(read_records(tmp_path))) == len(units)


def test_a_second_process_on_the_same_study_is_refused(finished, settings, model):
    out, _ = finished
    with FileLock(out / ".lock"), pytest.raises(UserError, match="another process works on the study"):
        run_study(settings, PAIRS, out, model=model)


def test_another_study_in_the_folder_is_refused(finished, settings, model):
    out, _ = finished
    with pytest.raises(UserError, match="holds a study of other pairs"):
        run_study(settings, PAIRS[:2], out, model=model)
    other = StudySettings(METHODS, frames=4, seeds=2, model=settings.model)
    with pytest.raises(UserError, match="holds a study of other settings"):
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
    for name in ("study.json", "records.jsonl"):
        copy2(out / name, tmp_path / name)
    with pytest.raises(UserError, match="has no frames of pair"):
        draw_study_strip(tmp_path, "best")
    pairs = strip_pairs(results, "ssim")
    assert draw_strips(tmp_path, study.read_study(tmp_path), pairs) == {}
    assert len(draw_strips(tmp_path, study.read_study(tmp_path), pairs, model)) == 3
    ppl = results.pivot_table(index="pair", columns="method", values="ppl_ssim")
    ratios = (ppl["optimal"] / ppl["identity"]).sort_values()
    assert (ratios.index[0], ratios.index[-1]) == (pairs["best"], pairs["worst"])
    for pair in pairs.values():
        for method in ("identity", "optimal"):
            before, again = (
                sorted((study.frames_folder(folder, pair, 0) / method).iterdir()) for folder in (out, tmp_path)
            )
            assert [path.read_bytes() for path in before] == [path.read_bytes() for path in again]
    assert draw_study_strip(tmp_path, "best").axes


def test_each_stratum_is_compared_within_itself(finished):
    _, results = finished
    tables = {table["measure"]: table for table in strata_tables(results, "ssim", "identity")}
    assert list(tables) == list(study.MEASURES)
    assert len(tables["ppl"]["strata"]) == results["stratum"].nunique()
    method, cells = tables["ppl"]["rows"][0]
    for cell, (_, group) in zip(cells, results.groupby("stratum"), strict=True):
        assert cell.mean == pytest.approx(group.loc[group["method"] == method, "ppl_ssim"].mean())
    assert strata_tables(results.assign(stratum=None), "ssim", "identity") == []


def test_a_study_of_one_pair_and_one_method_has_a_report(settings, model, tmp_path, tiny_pipeline_folder):
    small = StudySettings(
        ("optimal",), frames=2, seeds=1, steps=1, guidance=1.0, model=settings.model, metrics=("ssim",)
    )
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

        from whichway.analysis.study import cluster as ours

        study.open_study(tmp_path, settings, PAIRS, model)
        units = [study.Unit(index, pair, seed) for index, pair in enumerate(PAIRS) for seed in range(2)]
        records = ours.records_of_cluster(cluster.scheduler_address, settings, units, tmp_path)
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
    options += ["--metrics", "ssim", "--methods", "identity,optimal", "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(main, ["study", "--pairs", str(pairs), *options])
    assert result.exit_code == 0, result.output
    assert "Warning: 1 row left out, empty prompts: line 3" in result.output
    assert "report.html" in result.output
    assert json.loads((tmp_path / "run" / "study.json").read_text())["pairs"][0]["score"] == 3
    strict = CliRunner().invoke(main, ["study", "--pairs", str(pairs), "--strict", *options])
    assert strict.exit_code == 2
    assert "empty prompts: line 3" in strict.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ()}, "methods: none given"),
        ({"methods": ("optimal@sideways",)}, "unknown 'sideways' in 'optimal@sideways'"),
        ({"metrics": ("beauty",)}, "metrics: unknown 'beauty'; known: efficientnet"),
        ({"seeds": 0}, "seeds: wanted at least 1, got 0"),
        ({"guidance": float("nan")}, "guidance: wanted a finite number"),
    ],
)
def test_settings_that_make_no_sense_are_named(options, message):
    with pytest.raises(UserError, match=message):
        StudySettings(**options)


def test_a_scheduler_that_does_not_answer_is_named(settings, model, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    from whichway.analysis.study import cluster

    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with pytest.raises(UserError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:1'"):
        run_study(settings, PAIRS, tmp_path, model=model, dask="tcp://127.0.0.1:1")


def test_a_folder_without_a_study_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no study"):
        write_report(tmp_path)
    np.testing.assert_equal(len(list(read_records(tmp_path))), 0)
