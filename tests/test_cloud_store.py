import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from filelock import FileLock

from whichway.analysis.clouds import cloud_store
from whichway.analysis.clouds.cloud_store import store_clouds
from whichway.analysis.clouds.distances import DistanceSettings, measure_all
from whichway.analysis.command.main import main
from whichway.analysis.errors import UserError
from whichway.analysis.models.model import load_model
from whichway.analysis.prompts.encoding import encode, encode_all
from whichway.geometry import (
    CloudStack,
    Cosine,
    StoredClouds,
    StoredRows,
    nearest_neighbours,
    pairwise_wasserstein,
    slice_rows,
    wasserstein,
)

SUBJECTS, PLACES = ("a fox", "two cats", "a red car"), ("at night", "", "x")
PROMPTS = tuple(f"{subject} {place}" for subject in SUBJECTS for place in PLACES)


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu")


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(cloud_store, "CHUNK", 4)


def store(model, folder, prompts=PROMPTS, **options):
    return store_clouds(model, prompts, folder, progress=False, **options)


def test_clouds_come_back_as_they_were_encoded(model, tmp_path, small_chunks):
    stored = store(model, tmp_path / "store")
    clouds = stored.clouds["text"]
    assert len(clouds) == 9
    for cloud, encoded in zip(clouds, encode_all(model, PROMPTS), strict=True):
        assert (cloud.rows == encoded.rows).all()
    assert stored.rounding == {"text": 0}
    everything = pairwise_wasserstein([*encode_all(model, PROMPTS)])
    assert pairwise_wasserstein(clouds) == pytest.approx(everything, rel=1e-12)
    stacks = CloudStack.of(clouds), CloudStack.of([*encode_all(model, PROMPTS)])
    first, second = (nearest_neighbours(stack, 3) for stack in stacks)
    assert (first.indices == second.indices).all()
    assert slice_rows(clouds) == pytest.approx(slice_rows([*clouds]))


def test_another_ground_metric_is_read_through(model, tmp_path):
    clouds = store(model, tmp_path / "store").clouds["text"]
    distance = pairwise_wasserstein(clouds, ground=Cosine())[4, 1]
    assert distance == pytest.approx(wasserstein(clouds[4], clouds[1], ground=Cosine()), rel=1e-9)


def test_float16_states_what_it_costs(model, tmp_path):
    lines = []
    stored = store(model, tmp_path / "half", dtype="float16", report=lines.append)
    exact = pairwise_wasserstein([*encode_all(model, PROMPTS)])
    error = np.abs(pairwise_wasserstein(stored.clouds["text"]) - exact).max()
    assert 0 < error <= 2 * stored.rounding["text"] < 0.01
    assert f"right to {2 * stored.rounding['text']:.1e}" in lines[-1]


def test_an_interrupted_store_goes_on_where_it_stopped(model, tmp_path, small_chunks, monkeypatch):
    write, encoded = cloud_store._write_chunk, []

    def one_chunk(folder, shapes, dtype, chunk, conditionings):
        if encoded:
            raise KeyboardInterrupt
        encoded.append(chunk)
        return write(folder, shapes, dtype, chunk, conditionings)

    monkeypatch.setattr(cloud_store, "_write_chunk", one_chunk)
    with pytest.raises(KeyboardInterrupt):
        store(model, tmp_path / "store")
    monkeypatch.setattr(cloud_store, "_write_chunk", lambda *rest: encoded.append(rest[3]) or write(*rest))
    lines = []
    clouds = store(model, tmp_path / "store", report=lines.append).clouds["text"]
    assert encoded == [range(0, 4), range(4, 8), range(8, 9)]
    assert "has 4 of 9 prompts" in lines[0]
    assert (clouds[8].rows == encode(model, PROMPTS[8]).rows).all()


def test_a_damaged_chunk_is_encoded_again(model, tmp_path, small_chunks, monkeypatch):
    rows = store(model, tmp_path / "store").clouds["text"].rows
    damaged = np.load(rows.path, mmap_mode="r+")
    damaged[5, 0, 0] += 1
    damaged.flush()
    write, encoded = cloud_store._write_chunk, []
    monkeypatch.setattr(cloud_store, "_write_chunk", lambda *rest: encoded.append(rest[3]) or write(*rest))
    clouds = store(model, tmp_path / "store").clouds["text"]
    assert encoded == [range(4, 8)]
    assert (clouds[5].rows == encode(model, PROMPTS[5]).rows).all()


def test_a_store_of_something_else_is_left_alone(model, tmp_path):
    store(model, tmp_path / "store")
    with pytest.raises(UserError, match="stores clouds of other prompts_sha256, shapes; choose another folder"):
        store(model, tmp_path / "store", PROMPTS[:5])
    manifest = tmp_path / "store" / "clouds.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"model_sha256": "0"}))
    with pytest.raises(UserError, match="stores clouds of other model_sha256"):
        store(model, tmp_path / "store")
    whole = json.loads(manifest.read_text())
    for damaged in ("{", "null", "{}", json.dumps(whole | {"chunks": []}), json.dumps(whole | {"chunks": {"0": None}})):
        manifest.write_text(damaged)
        with pytest.raises(UserError, match=r"clouds\.json' is damaged"):
            store(model, tmp_path / "store")
    manifest.unlink()
    with pytest.raises(UserError, match="is no store of clouds, and not empty"):
        store(model, tmp_path / "store")


def test_a_second_process_on_a_store_is_refused(model, tmp_path):
    with FileLock(tmp_path / ".store.lock"), pytest.raises(UserError, match="another process works on the store"):
        store(model, tmp_path / "store")


def test_a_system_that_cannot_claim_room_has_a_store_too(model, tmp_path, monkeypatch):
    monkeypatch.delattr(cloud_store.os, "posix_fallocate")
    clouds = store(model, tmp_path / "store").clouds["text"]
    assert (clouds[2].rows == encode(model, PROMPTS[2]).rows).all()


def test_a_disk_without_room_is_said_before_anything_is_encoded(model, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cloud_store.os, "posix_fallocate", full)
    monkeypatch.setattr(cloud_store, "_write_chunk", None)
    with pytest.raises(UserError, match=r"cannot write '.*text\.npy': No space left on device"):
        store(model, tmp_path / "store")


@pytest.mark.parametrize("distance", ["wasserstein", "frobenius", "sliced"])
def test_distances_from_a_store_are_those_from_memory(model, tmp_path, distance):
    settings = DistanceSettings(PROMPTS, distance)
    stored = measure_all(settings, tmp_path / "1.npy", model=model, store=tmp_path / "store", progress=False)
    in_memory = measure_all(settings, tmp_path / "2.npy", model=model, progress=False)
    assert stored["text"].matrix == pytest.approx(in_memory["text"].matrix, rel=1e-9, abs=1e-9)


def test_what_a_store_cannot_do_is_said(model, tmp_path):
    with pytest.raises(UserError, match="linearised takes as much memory as all clouds"):
        measure_all(DistanceSettings(PROMPTS, "linearised"), tmp_path / "D.npy", model=model, store=tmp_path / "store")


def test_a_map_from_a_store(tiny_pipeline_folder, tmp_path):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(PROMPTS))
    fixed = ["map", str(prompts), "--model", str(tiny_pipeline_folder), "--device", "cpu", "--projection", "mds"]
    fixed += ["--out", str(tmp_path / "map"), "--store", str(tmp_path / "store")]
    refused = CliRunner().invoke(main, fixed)
    assert refused.exit_code == 2
    assert "wanted --no-images" in refused.output
    drawn = CliRunner().invoke(main, [*fixed, "--no-images", "--clusters", "2"])
    assert drawn.exit_code == 0, drawn.output
    assert (tmp_path / "map" / "map.png").exists()


def test_stored_rows_say_what_they_cannot_be(tmp_path):
    np.save(tmp_path / "flat.npy", np.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"wanted \(k, n, d\) of floats, got float64 \(3, 4\)"):
        StoredRows(tmp_path / "flat.npy")
    np.save(tmp_path / "rows.npy", np.zeros((3, 4, 2), np.float16))
    with pytest.raises(ValueError, match="count: wanted 1 to 3"):
        StoredRows(tmp_path / "rows.npy", 4)
    rows = StoredRows(tmp_path / "rows.npy", 2)
    assert rows.shape == (2, 4, 2)
    assert rows[0:2].dtype == torch.float32
    assert len(StoredClouds(rows)[:1]) == 1
