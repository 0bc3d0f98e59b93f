"""What is read back from a folder is looked at before it counts as done: damaged, it is done again, or one line."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from whichway.analysis.clouds.distances import DistanceSettings, measure_all
from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.families.conditioning_file import read_conditionings, write_conditionings
from whichway.analysis.files import read_json
from whichway.analysis.models.model import load_model
from whichway.analysis.runs.frame_index import FrameIndex
from whichway.analysis.runs.frame_store import FrameStore, pixels_sha256
from whichway.analysis.runs.run import open_run
from whichway.analysis.study.records import append_records, read_records
from whichway.geometry import PointCloud

SETTINGS = DistanceSettings(("a fox", "a panda", "a red car"))
PICTURE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu")


def measured(model, out):
    return measure_all(SETTINGS, out, model=model, progress=False)["text"].matrix


def cut(path, matrix):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def of_another_size(path, matrix):
    np.save(path, np.zeros((2, 2)))


def of_another_dtype(path, matrix):
    np.save(path, matrix.astype(np.float32))


def negative(path, matrix):
    np.save(path, -np.ones_like(matrix))


@pytest.mark.parametrize("damage", [cut, of_another_size, of_another_dtype, negative])
def test_a_damaged_matrix_is_measured_again(model, tmp_path, damage):
    out = tmp_path / "D.npy"
    whole = np.array(measured(model, out))
    damage(out, whole)
    assert (measured(model, out) == whole).all()
    assert (whole[0, 1:] > 0).all()


@pytest.mark.parametrize("content", ['{"my": "data"}', "[1, 2]", "no JSON"])
def test_a_file_of_the_sidecars_name_that_is_not_ours_stays(model, tmp_path, content):
    (tmp_path / "D.json").write_text(content)
    with pytest.raises(UserError, match="choose another file"):
        measured(model, tmp_path / "D.npy")
    assert (tmp_path / "D.json").read_text() == content
    assert not (tmp_path / "D.npy").exists()


def test_a_frame_of_other_pixels_is_no_frame(tmp_path):
    store = FrameStore(tmp_path)
    store.write("a" * 64, PICTURE)
    path = store.path("a" * 64)
    assert (store.find("a" * 64) == PICTURE).all()
    content = path.read_bytes()
    other, said = PICTURE.copy(), PngInfo()
    other[0, 0, 0] += 1
    said.add_text("pixels_sha256", pixels_sha256(PICTURE))
    Image.fromarray(other).save(path, pnginfo=said)
    assert store.find("a" * 64) is None
    for damaged in (content[: len(content) // 2], b"", b"no picture", content[:40] + b"\0" * 20 + content[60:]):
        path.write_bytes(damaged)
        assert store.find("a" * 64) is None


@pytest.mark.parametrize("change", [lambda picture: picture, lambda picture: picture.convert("L")])
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_frame_that_another_program_wrote_is_no_frame(tmp_path, form, change):
    """It may be of any size and in any colours; what is right is rendered."""
    path = FrameStore(tmp_path).path("a" * 64)
    change(Image.fromarray(PICTURE)).save(path, format=form)
    assert FrameStore(tmp_path).find("a" * 64) is None


@pytest.mark.parametrize("content", ["[]", '{"optimal": 3}', '{"optimal": {"0.5": "../../secret"}}', "[" * 10**5])
def test_a_damaged_index_is_made_anew(tmp_path, content):
    index = FrameIndex(tmp_path / "frames.json")
    index.path.write_text(content)
    with pytest.raises(ValueError, match="frames"):
        index.read()
    index.add({("optimal", 0.5): "b" * 64})
    assert index.addresses("optimal", [0.5]) == ["b" * 64]


@pytest.mark.parametrize("content", ["[]", '"text"', "null", "\udcff", "[" * 10**5])
def test_json_of_another_shape(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=r"wanted an object|utf-8|nested"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("left", ["frames", "frames.json", "records.jsonl", "metrics.json"])
def test_a_folder_without_its_manifest_is_not_continued(model, tmp_path, left):
    folder = tmp_path / "run"
    with open_run(folder, "comparison", identity={"seed": 0}, settings={}, model=model):
        pass
    (folder / "manifest.json").unlink()
    (folder / left).mkdir() if left == "frames" else (folder / left).write_text("{}")
    with (
        pytest.raises(UserError, match="holds files that are no run"),
        open_run(folder, "comparison", identity={"seed": 7}, settings={}, model=model),
    ):
        pass


@pytest.mark.parametrize(
    "line", ["[]", "3", '{"pair": 0}', '{"pair": -1, "seed": 0, "distances": {}, "methods": {}}', '{"pair": "0"}']
)
def test_records_of_another_shape_are_named(tmp_path, line):
    append_records(tmp_path, [{"pair": 0, "seed": 0, "distances": {}, "methods": {}}])
    with (tmp_path / "records.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(UserError, match=r"line 2 of .* is damaged; remove that line, and its pair is done again"):
        read_records(tmp_path)


@pytest.mark.parametrize(
    ("pair", "seed", "why"), [(0, 0, "stands there twice"), (9, 0, "is not of this study"), (0, 9, "is not of this")]
)
def test_a_record_of_no_pair_of_the_study_is_named(tmp_path, pair, seed, why):
    measured = {"distances": {}, "methods": {}}
    append_records(tmp_path, [{"pair": 0, "seed": 0} | measured, {"pair": pair, "seed": seed} | measured])
    with pytest.raises(UserError, match=rf"line 2 of .*: pair {pair} with seed {seed} {why}.*; remove that line"):
        read_records(tmp_path, {(0, 0), (0, 1)})


def test_records_are_sorted_whoever_finished_first(tmp_path):
    measured = {"distances": {}, "methods": {}}
    append_records(tmp_path, [{"pair": pair, "seed": seed} | measured for pair, seed in ((1, 0), (0, 1), (0, 0))])
    assert [(record["pair"], record["seed"]) for record in read_records(tmp_path)] == [(0, 0), (0, 1), (1, 0)]


def test_conditionings_are_the_same_bytes_every_time(tmp_path):
    generator = torch.Generator().manual_seed(0)
    clouds = {name: PointCloud(torch.randn(5, 4, generator=generator), source="ein Fuchs “ü”") for name in "abcdefgh"}
    conditionings = {"A": Conditioning(clouds), "B": Conditioning(clouds)}
    contents = set()
    for index in range(4):
        write_conditionings(tmp_path / f"{index}.safetensors", conditionings)
        contents.add((tmp_path / f"{index}.safetensors").read_bytes())
    assert len(contents) == 1
    read = read_conditionings(tmp_path / "0.safetensors")
    assert read["A"].source == "ein Fuchs “ü”"
    assert all((read["B"].clouds[name].rows == cloud.rows).all() for name, cloud in clouds.items())


def test_json_is_strict_where_it_is_read_back_too(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"a": 1}))
    assert read_json(tmp_path / "a.json") == {"a": 1}
