import json
import logging
import os
import re
from concurrent.futures import CancelledError
from contextlib import nullcontext
from io import StringIO

import numpy as np
import pytest
from click.testing import CliRunner
from distributed import KilledWorker
from distributed.comm import CommClosedError

from whichway.analysis.clouds import distances
from whichway.analysis.clouds.approximation import SAMPLE, random_pairs
from whichway.analysis.clouds.distances import DistanceSettings, measure_all
from whichway.analysis.cluster import connect
from whichway.analysis.command.main import main
from whichway.analysis.errors import UserError
from whichway.analysis.lock import locked
from whichway.analysis.models.model import load_model
from whichway.analysis.prompts.encoding import encode
from whichway.geometry import rms_frobenius, wasserstein

PROMPTS = tuple(
    f"{subject} {place}" for subject in ("a fox", "two cats", "a red car") for place in ("at night", "", "x")
)


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu")


@pytest.fixture
def run(tiny_pipeline_folder, tmp_path):
    def invoke(text, *options):
        prompts = tmp_path / "prompts.txt"
        prompts.write_text(text)
        fixed = ["--model", str(tiny_pipeline_folder), "--device", "cpu", "--out", str(tmp_path / "D.npy")]
        return CliRunner().invoke(main, ["distances", str(prompts), *fixed, *options])

    return invoke


def matrix_of(path):
    return np.load(path, allow_pickle=False)


@pytest.mark.parametrize(("name", "distance"), [("wasserstein", wasserstein), ("frobenius", rms_frobenius)])
def test_the_matrix_holds_what_each_pair_is(run, model, tmp_path, name, distance):
    result = run("\n".join(PROMPTS), "--distance", name)
    assert result.exit_code == 0, result.output
    matrix = matrix_of(tmp_path / "D.npy")
    stated = json.loads((tmp_path / "D.json").read_text())["prompts"]
    assert len(stated) == len(matrix) == len(PROMPTS)
    assert (matrix == matrix.T).all()
    for i, j in [(1, 0), (8, 2)]:
        expected = distance(encode(model, stated[i]), encode(model, stated[j]))
        assert matrix[i, j] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["linearised", "sliced"])
def test_an_approximation_says_how_near_it_is(run, tmp_path, name):
    result = run("\n".join(PROMPTS), "--distance", name)
    assert result.exit_code == 0, result.output
    assert re.search(rf"{name}: [01]\.\d+ of exact W_2 on average over 36 random pairs", result.output)
    error = json.loads((tmp_path / "D.json").read_text())["approximation"]
    assert error["low"] <= error["ratio"] <= error["high"]
    if name == "linearised":
        assert error["low"] >= 1 - 1e-9
    assert not np.isnan(matrix_of(tmp_path / "D.npy")).any()


def test_an_interrupted_run_goes_on_where_it_stopped(model, tmp_path, monkeypatch):
    monkeypatch.setattr(distances, "BLOCK", 2)
    settings, out = DistanceSettings(PROMPTS), tmp_path / "D.npy"
    solve, solved = distances.wasserstein_block, []

    def three_blocks(stack, rows, columns):
        if len(solved) == 3:
            raise KeyboardInterrupt
        solved.append((rows, columns))
        return solve(stack, rows, columns)

    monkeypatch.setattr(distances, "wasserstein_block", three_blocks)
    with pytest.raises(KeyboardInterrupt):
        measure_all(settings, out, model=model, progress=False)
    assert 0 < np.isnan(matrix_of(out)).sum() < len(PROMPTS) ** 2
    first = list(solved)
    monkeypatch.setattr(distances, "wasserstein_block", lambda *args: solved.append(args[1:]) or solve(*args))
    finished = measure_all(settings, out, model=model, progress=False)["text"].matrix
    assert [block for block in solved if block in first] == first  # none was solved again
    assert len(solved) == 15
    assert not np.isnan(finished).any()
    again = measure_all(settings, out, model=model, progress=False)["text"]
    assert len(solved) == 15
    assert (again.matrix == finished).all()


def test_a_full_disk_is_said_before_anything_is_computed(model, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(distances.np, "full", full)
    with pytest.raises(UserError, match=r"cannot write '.*D\.npy': No space left on device"):
        measure_all(DistanceSettings(PROMPTS), tmp_path / "D.npy", model=model, progress=False)
    assert not (tmp_path / "D.npy").exists()


def test_a_matrix_of_other_distances_is_not_overwritten(run, tmp_path):
    assert run("a\nb\nc").exit_code == 0
    before = (tmp_path / "D.npy").read_bytes()
    result = run("a\nb\nd", "--distance", "frobenius")
    assert result.exit_code == 2
    assert "holds distances of other distance, prompts; choose another file" in result.output
    (tmp_path / "D.json").unlink()
    result = run("a\nb\nc")
    assert result.exit_code == 2
    assert "is no matrix of ours" in result.output
    assert (tmp_path / "D.npy").read_bytes() == before


def test_long_prompts_are_truncated_and_counted(run):
    result = run("a fox\n" + "very " * 100 + "large fox\n" + "so " * 90 + "small\n")
    assert result.exit_code == 0, result.output
    assert re.search(
        r"Warning: 2 of 3 prompts truncated to the text encoder's \d+ positions; the first: 'very", result.output
    )


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", (), "prompts: wanted at least 2 different ones, got 0"),
        ("a fox\n\na fox\n", (), "prompts: wanted at least 2 different ones, got 1"),
        ("a\nb", ("--distance", "cosine"), "'--distance': 'cosine' is not one of 'wasserstein', 'frobenius'"),
        ("a\nb", ("--ground", "taxi"), "'--ground': 'taxi' is not one of 'euclidean', 'cosine', 'cross-attention'"),
        ("a\nb", ("--distance", "frobenius", "--ground", "cosine"), "ground: 'cosine' with frobenius"),
        ("a\nb", ("--out", "D.txt"), "out: wanted a name that ends in .npy, got 'D.txt'"),
        ("a\nb", ("--dask", "tcp://127.0.0.1:1"), "no Dask scheduler answers at 'tcp://127.0.0.1:1'"),
    ],
)
def test_a_mistake_gets_one_line_and_status_2(run, monkeypatch, text, options, message):
    monkeypatch.setattr("whichway.analysis.cluster.CONNECT_SECONDS", 0.1)
    result = run(text, *options)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_cluster_finds_the_same(model, tmp_path):
    from whichway.analysis.clouds.kept_neighbours import find_kept_neighbours
    from whichway.geometry import CloudStack, nearest_neighbours

    stack = CloudStack.of([encode(model, prompt) for prompt in PROMPTS])
    spread = measure_all(DistanceSettings(PROMPTS), tmp_path / "1.npy", model=model, dask="2", progress=False)
    neighbours = find_kept_neighbours(stack, 3, tmp_path / "n.npy", dask="1", progress=False)
    here = measure_all(DistanceSettings(PROMPTS), tmp_path / "2.npy", model=model, progress=False)
    assert spread["text"].matrix == pytest.approx(here["text"].matrix, rel=1e-9)
    assert (neighbours.indices == nearest_neighbours(stack, 3).indices).all()
    with pytest.raises(UserError, match="--dask: wanted an address, or 1 to 256 processes, got 0"):
        find_kept_neighbours(stack, 4, tmp_path / "n.npy", dask="0", progress=False)


def test_pairs_are_drawn_without_a_list_of_all_of_them():
    """Two index arrays of the pairs of 20,000 prompts would be 3 GB"""
    few = random_pairs(20, np.random.default_rng(0))
    assert sorted(zip(*few, strict=True)) == sorted(zip(*np.tril_indices(20, -1), strict=True))
    greater, smaller = random_pairs(10**6, np.random.default_rng(0))
    assert len({*zip(greater, smaller, strict=True)}) == SAMPLE
    assert ((smaller >= 0) & (smaller < greater) & (greater < 10**6)).all()


def test_as_many_processes_as_asked_with_one_thread_and_the_allocator_as_it_is():
    with connect("1") as client:
        (environment,) = client.run(lambda: dict(os.environ)).values()
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment.get("MALLOC_TRIM_THRESHOLD_") == os.environ.get("MALLOC_TRIM_THRESHOLD_")


def test_a_second_process_on_one_matrix_is_refused(run, tmp_path):
    """Whichever replaced the file last would have thrown away the blocks of the other."""
    with locked(tmp_path / ".D.npy.lock", "something else"):
        result = run("\n".join(PROMPTS))
    assert result.exit_code == 2
    assert f"another process works on the distances in {str(tmp_path / 'D.npy')!r}; wait for it" in result.output
    assert not (tmp_path / "D.npy").exists()
    assert run("\n".join(PROMPTS)).exit_code == 0


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KilledWorker("block", None, 3), "several workers died of one task"),
        (CancelledError("block"), "its scheduler is gone"),
        (CommClosedError("in read"), "its scheduler is gone"),
    ],
)
def test_a_cluster_that_is_lost_is_one_line(monkeypatch, error, reason):
    logged = StringIO()
    handler = logging.StreamHandler(logged)  # as Dask's own, whose stream is the terminal's
    monkeypatch.setattr(logging.getLogger("distributed"), "handlers", [handler])
    monkeypatch.setattr("distributed.Client", lambda *args, **kwargs: nullcontext())
    message = f"Dask cluster 'tcp://host:1' was lost: {reason}; what was finished is kept"

    def lose():
        logging.getLogger("distributed.client").error("Traceback (most recent call last):")
        raise error

    with pytest.raises(UserError, match=message), connect("tcp://host:1"):
        lose()
    assert logged.getvalue() == ""
