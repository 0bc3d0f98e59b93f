"""Neighbours that stay on disk: what was found is not searched again, what is damaged or of other clouds is."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import random_cloud
from whichway.analysis.clouds import kept_neighbours, on_cluster
from whichway.analysis.clouds.kept_neighbours import find_kept_neighbours
from whichway.analysis.clouds.map_memory import neighbours_memory, require_memory_for_map
from whichway.analysis.clouds.projection import project_neighbours
from whichway.analysis.errors import UserError
from whichway.analysis.lock import locked
from whichway.geometry import CloudStack, PointCloud, StoredRows, nearest_neighbours, neighbours
from whichway.geometry.lower_bounds import LowerBounds

CLOUDS = [random_cloud(6, 4, seed) for seed in range(23)]
STACK = CloudStack.of(CLOUDS)


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(neighbours, "QUERIES", 5)


@pytest.fixture
def searched(monkeypatch):
    """The first clouds of the batches that are searched."""
    search, starts = kept_neighbours.search, []

    def recorded(bounds, queries, k, solved):
        if len(starts) == recorded.interrupted_after:
            raise KeyboardInterrupt
        starts.append(int(queries[0]))
        return search(bounds, queries, k, solved)

    recorded.interrupted_after = None
    monkeypatch.setattr(kept_neighbours, "search", recorded)
    return starts, recorded


def find(path, stack=STACK, k=3, **options):
    return find_kept_neighbours(stack, k, path / "neighbours.npy", progress=False, **options)


def test_they_are_those_of_the_search_in_memory(tmp_path, small_batches):
    kept, held = find(tmp_path), nearest_neighbours(STACK, 3)
    assert (kept.indices == held.indices).all()
    assert (kept.distances == held.distances).all()
    assert kept.solved == held.solved
    assert not list(tmp_path.glob("*features*"))


def test_an_interrupted_search_goes_on_where_it_stopped(tmp_path, small_batches, searched):
    starts, search = searched
    search.interrupted_after = 2
    with pytest.raises(KeyboardInterrupt):
        find(tmp_path)
    search.interrupted_after = None
    assert (find(tmp_path).indices == nearest_neighbours(STACK, 3).indices).all()
    assert starts == [0, 5, 10, 15, 20]
    find(tmp_path)
    assert len(starts) == 5


def test_what_is_damaged_is_searched_again(tmp_path, small_batches, searched):
    starts, _ = searched
    expected = find(tmp_path)
    file = tmp_path / "neighbours.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1  # of the last batch
    file.write_bytes(content)
    assert (find(tmp_path).distances == expected.distances).all()
    assert starts[5:] == [20]
    file.write_bytes(content[:-1])
    (tmp_path / "neighbours.json").write_text("{")
    assert (find(tmp_path).distances == expected.distances).all()
    assert len(starts) == 11


@pytest.mark.parametrize("change", ["clouds", "k"])
def test_those_of_other_clouds_are_not_taken(tmp_path, change):
    find(tmp_path)
    moved = CloudStack.of([*CLOUDS[:-1], PointCloud(CLOUDS[-1].rows * 2)]) if change == "clouds" else STACK
    k = 4 if change == "k" else 3
    assert (find(tmp_path, moved, k).indices == nearest_neighbours(moved, k).indices).all()


def test_a_cluster_that_is_lost_leaves_what_is_finished(tmp_path, small_batches, monkeypatch, searched):
    starts, _ = searched
    search_here = kept_neighbours._here

    def lost(address, stack, bounds, k, batches):
        yield from search_here(stack, bounds, k, batches[:2])
        raise UserError(f"the Dask cluster {address!r} was lost: its scheduler is gone; what was finished is kept")

    monkeypatch.setattr(kept_neighbours, "neighbours_on_cluster", lost)
    with pytest.raises(UserError, match="what was finished is kept"):
        find(tmp_path, dask="tcp://host:1")
    assert (find(tmp_path).indices == nearest_neighbours(STACK, 3).indices).all()
    assert starts == [0, 5, 10, 15, 20]


def test_workers_that_stand_in_another_folder_read_the_same_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", torch.stack([cloud.rows for cloud in CLOUDS]).numpy())
    stack = CloudStack(StoredRows(Path("rows.npy")))
    sent = pickle.dumps((stack, LowerBounds.of(stack, Path("features.npy"))))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    queries, indices, _, _ = on_cluster._find_neighbours(3, pickle.loads(sent), np.arange(5))
    assert (indices == nearest_neighbours(STACK, 3).indices[queries]).all()
    (tmp_path / "features.npy").unlink()
    with pytest.raises(
        UserError, match=r"a worker cannot read '.*features\.npy'; wanted workers that see the same disk"
    ):
        on_cluster._find_neighbours(3, pickle.loads(sent), np.arange(5))


def test_a_second_process_and_a_full_disk_are_one_line(tmp_path, monkeypatch):
    with (
        locked(tmp_path / ".neighbours.npy.lock", "something else"),
        pytest.raises(UserError, match="another process works on the neighbours"),
    ):
        find(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept_neighbours.LowerBounds, "of", full)
    with pytest.raises(UserError, match=r"cannot write '.*features\.npy': No space left on device"):
        find(tmp_path)


@pytest.mark.parametrize("file", ["neighbours.npy", "neighbours.json"])
def test_a_disk_that_fills_on_the_way_costs_one_batch(tmp_path, small_batches, monkeypatch, searched, file):
    (starts, _), opens = searched, Path.open

    def opened(path, mode="r", *rest, **options):
        is_it = "neighbours" in path.name and path.suffix == Path(file).suffix  # or what takes its name in the end
        if is_it and set("+w") & set(mode) and len(starts) == 3:
            raise OSError(28, "No space left on device")
        return opens(path, mode, *rest, **options)

    with monkeypatch.context() as full:
        full.setattr("pathlib.Path.open", opened)
        with pytest.raises(UserError, match=rf"cannot write '.*{file}': No space left on device; what was finished is"):
            find(tmp_path)
    assert (find(tmp_path).indices == nearest_neighbours(STACK, 3).indices).all()
    assert starts == [0, 5, 10, 10, 15, 20]


def test_a_map_is_drawn_from_the_neighbours_and_nothing_else():
    """Groups far apart in W_2 whose centroids are one point: all that UMAP is given of the rows."""
    rows = torch.randn(40, 6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows -= rows.mean(dim=1, keepdim=True)
    clouds = [PointCloud(cloud * (1 if place < 20 else 30)) for place, cloud in enumerate(rows)]
    stack = CloudStack.of(clouds)
    points = project_neighbours(stack, nearest_neighbours(stack, 5)).points
    assert (points[:20].mean(axis=0) - points[20:].mean(axis=0)).any()
    near, far = (np.linalg.norm(points[:20] - points[start : start + 20].mean(axis=0), axis=1) for start in (0, 20))
    assert (near < far).all()


@pytest.mark.parametrize(
    ("options", "most"),
    [
        ({"stored": False}, "the encoded prompts"),
        ({"view": "frobenius"}, "the distances between all pairs"),
        ({"projection": "mds"}, "the distances between all pairs"),
        ({"image_size": (512, 512)}, "their images"),
    ],
)
def test_a_map_that_cannot_fit_is_refused_with_what_takes_most(monkeypatch, options, most):
    memory = type("Memory", (), {"available": 3 * 2**30})
    monkeypatch.setattr("whichway.analysis.models.memory.psutil.virtual_memory", lambda: memory)
    fits = {"view": "wasserstein", "projection": "umap", "stored": True, "image_size": None}
    require_memory_for_map(20_000, [(77, 768)], **fits)
    assert neighbours_memory(100_000, 77, 768) < 3 * 2**30
    with pytest.raises(UserError, match=rf"a map of 20,000 prompts needs .* GiB for .*most of it for {most}"):
        require_memory_for_map(20_000, [(77, 768)], **fits | options)


def test_the_manifest_is_what_is_documented(tmp_path):
    find(tmp_path)
    manifest = json.loads((tmp_path / "neighbours.json").read_text())
    assert manifest["clouds"] == 23
    assert sum(batch["solved"] for batch in manifest["batches"].values()) == find(tmp_path).solved
