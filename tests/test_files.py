"""A file is whole or not there, whoever writes it and whatever happens meanwhile."""

import json
import os
import signal
import subprocess
import sys
from multiprocessing import get_context

import pytest
from safetensors import SafetensorError

from tests.campaign.faults import die_after_replacing, die_before_replacing, die_halfway_through
from whichway.analysis.errors import UserError
from whichway.analysis.files import is_aside, write_json, write_text, written_whole


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


OLD, NEW = "old" * 1000, "new" * 1000


@pytest.mark.parametrize(
    ("fault", "number", "kept"),
    [
        (die_halfway_through(0, len(NEW)), signal.SIGXFSZ, OLD),
        (die_before_replacing(0), signal.SIGKILL, OLD),
        (die_after_replacing(0), signal.SIGKILL, NEW),
    ],
)
def test_a_killed_writer_leaves_a_whole_file_and_the_next_one_clears_up(tmp_path, fault, number, kept):
    path = tmp_path / "text.txt"
    path.write_text(OLD)
    if (writer := os.fork()) == 0:
        fault()
        write_text(path, NEW)
        write_text(tmp_path / "another.txt", NEW)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(writer, 0)[1]) == -number
    assert path.read_text() == kept
    left = [other for other in tmp_path.iterdir() if other != path]
    assert all(map(is_aside, left))
    assert len(left) == (kept == OLD)
    write_in_a_new_process(path, NEW)
    assert path.read_text() == NEW
    assert list(tmp_path.iterdir()) == [path]


def test_what_another_process_writes_at_the_moment_is_left_alone(tmp_path):
    with written_whole(tmp_path / "mine.txt") as aside:
        aside.write_text("half of mi")
        write_in_a_new_process(tmp_path / "other.txt", "other")
        assert aside.is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt", "other.txt"]


def write_in_a_new_process(path, text):
    code = "import sys; from pathlib import Path; from whichway.analysis.files import write_text as write; "
    subprocess.run([sys.executable, "-c", code + "write(Path(sys.argv[1]), sys.argv[2])", path, text], check=True)


@pytest.mark.parametrize("name", [".bashrc", ".notes-2024.txt", "notes-01234567-12-89abcdef.txt", ".lock"])
def test_no_file_of_a_user_is_taken_for_half_a_file(tmp_path, name):
    assert not is_aside(tmp_path / name)


def test_a_full_disk_is_one_line_whichever_library_says_so(tmp_path):
    with (
        pytest.raises(UserError, match=r"cannot write .*rows\.safetensors.*No space left"),
        written_whole(tmp_path / "rows.safetensors"),
    ):
        raise SafetensorError("I/O error: No space left on device (os error 28)")
