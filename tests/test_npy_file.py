"""A .npy written piece by piece is NumPy's own; of what is cut short or another array, no numbers are taken."""

import numpy as np
import pytest

from whichway.geometry.npy_file import data_offset, write_header

SHAPE = (3, 2)
NUMBERS = np.arange(6, dtype="<f4").reshape(SHAPE)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "numbers.npy"
    with path.open("wb") as file:
        write_header(file, SHAPE, "float32")
        file.write(NUMBERS.tobytes())
    return path


def test_numpy_reads_what_is_written(path):
    assert (np.load(path, allow_pickle=False) == NUMBERS).all()
    offset = data_offset(path, SHAPE, "float32")
    assert path.read_bytes()[offset:] == NUMBERS.tobytes()


def test_records_begin_where_numpy_wrote_them(tmp_path):
    records = np.zeros(4, [("indices", "<i4", (3,)), ("distances", "<f8", (3,))])
    np.save(tmp_path / "records.npy", records)
    offset = data_offset(tmp_path / "records.npy", (4,), records.dtype)
    assert len((tmp_path / "records.npy").read_bytes()) == offset + records.nbytes


@pytest.mark.parametrize(("shape", "dtype"), [((2, 3), "float32"), ((3,), "float32"), (SHAPE, "float64")])
def test_another_array_is_not_taken(path, shape, dtype):
    assert data_offset(path, shape, dtype) is None


@pytest.mark.parametrize("change", ["short", "long", "missing", "garbage", "order", "version"])
def test_what_is_damaged_is_not_taken(path, change):
    content = path.read_bytes()
    if change == "missing":
        path.unlink()
    elif change == "order":
        np.save(path, np.asfortranarray(NUMBERS))
    elif change == "version":
        with path.open("wb") as file:
            np.lib.format.write_array(file, NUMBERS, version=(2, 0))
    else:
        path.write_bytes({"short": content[:-1], "long": content + b" ", "garbage": b"none"}[change])
    assert data_offset(path, SHAPE, "float32") is None
