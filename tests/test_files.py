"""A file is whole or not there, whoever writes it and whatever happens meanwhile."""

import json
from multiprocessing import get_context

import pytest

from whichway.analysis.errors import UserError
from whichway.analysis.files import write_json, write_text, written_whole


def test_what_fails_halfway_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "numbers.json"
    write_json(path, {"a": 1})

    def stop_halfway():
        with written_whole(path) as aside:
            aside.write_text("half a fi")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stop_halfway()
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_nan_is_an_error_and_not_a_file(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "numbers.json", {"a": float("nan")})
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*inside\.txt"):
        write_text(tmp_path / "file" / "inside.txt", "text")


def write_often(path, letter):
    for _ in range(200):
        write_text(path, letter * 100_000)


def test_two_processes_that_write_one_file_leave_one_of_the_two(tmp_path):
    path = tmp_path / "text.txt"
    context = get_context("spawn")
    writers = [context.Process(target=write_often, args=(path, letter)) for letter in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert path.read_text() in ("a" * 100_000, "b" * 100_000)
    assert list(tmp_path.iterdir()) == [path]
