import imageio_ffmpeg
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from whichway.analysis.command.main import main
from whichway.analysis.errors import UserError
from whichway.analysis.runs.film import frame_durations, write_film, written_fps

FRAMES = np.random.default_rng(0).integers(0, 256, (5, 16, 24, 3), np.uint8)


@pytest.fixture
def run(tiny_pipeline_folder, tmp_path):
    def invoke(film, *options):
        fixed = ["--model", str(tiny_pipeline_folder), "--steps", "1", "--frames", "4", "--device", "cpu"]
        where = ["--out", str(tmp_path / "run"), "--parametrisation", "uniform"]
        return CliRunner().invoke(main, ["animate", "a fox", "a panda", str(tmp_path / film), *fixed, *where, *options])

    return invoke


def pictures_of(path):
    with Image.open(path) as film:
        pictures = []
        for index in range(film.n_frames):
            film.seek(index)
            pictures.append((np.asarray(film.convert("RGB")), film.info["duration"]))
        return pictures


def test_a_webp_keeps_every_pixel_and_returns(tmp_path):
    write_film(FRAMES, tmp_path / "film.webp", fps=10, ping_pong=True)
    pictures = pictures_of(tmp_path / "film.webp")
    assert [duration for _, duration in pictures] == [100] * 8
    enlarged = FRAMES.repeat(16, axis=1).repeat(16, axis=2)  # to 256 on the shorter side
    for (seen, _), index in zip(pictures, [0, 1, 2, 3, 4, 3, 2, 1], strict=True):
        assert np.array_equal(seen, enlarged[index])


def test_a_gif_has_its_frames(run, tmp_path):
    result = run("film.gif", "--fps", "5")
    assert result.exit_code == 0, result.output
    assert "film.gif" in result.output
    assert [duration for _, duration in pictures_of(tmp_path / "film.gif")] == [200] * 4
    assert " there, 0 to render" in run("again.gif").output


@pytest.mark.parametrize(("fps", "written"), [(12, 12.5), (10, 10), (30, 100 / 3), (50, 50)])
def test_a_gif_says_the_rate_that_it_holds(tmp_path, fps, written):
    write_film(FRAMES, tmp_path / "film.gif", fps=fps)
    assert [duration for _, duration in pictures_of(tmp_path / "film.gif")] == [round(1000 / written)] * 5
    assert float(written_fps(".gif", fps)) == pytest.approx(written)


@pytest.mark.parametrize("fps", [12, 24, 23.976, 60])
def test_a_webp_never_drifts_from_its_rate(fps):
    durations = np.array(frame_durations(".webp", fps, 500))
    assert np.abs(durations.cumsum() - 1000 / float(written_fps(".webp", fps)) * np.arange(1, 501)).max() <= 0.5
    assert np.ptp(durations) <= 1


def test_a_video_shows_the_frames_in_order(tmp_path):
    levels = np.array([0, 60, 120, 180, 240], np.uint8)
    write_film(np.broadcast_to(levels[:, None, None, None], (5, 17, 33, 3)), tmp_path / "film.mp4", fps=4)
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "film.mp4"))
    stated = next(reader)
    assert stated["fps"] == 4
    width, height = stated["size"]
    assert (height, width) == (17 * 16, 33 * 16)
    seen = [np.frombuffer(frame, np.uint8).mean() for frame in reader]
    assert seen == pytest.approx(levels, abs=6)


@pytest.mark.parametrize(
    ("film", "options", "message"),
    [
        ("film.avi", (), "film: wanted a name that ends in .gif, .webp, .mp4"),
        ("film.gif", ("--fps", "0"), "fps: wanted 0.01 to 50 in a .gif, got 0.0"),
        ("film.gif", ("--fps", "1000"), "fps: wanted 0.01 to 50 in a .gif, got 1000.0"),
        ("film.webp", ("--fps", "nan"), "fps: wanted a number such as 12 or 24000/1001, got 'nan'"),
        ("film.webp", ("--fps", "twelve"), "fps: wanted a number such as 12 or 24000/1001, got 'twelve'"),
        ("film.webp", ("--seeds", "4"), "seeds: wanted 2, one for each prompt, got 1"),
        ("film.webp", ("--at", "0,1"), "frames: their number follows from at and fps; leave out one of them"),
        ("film.webp", ("--at", "0,soon"), "at: wanted numbers separated by commas, got '0,soon'"),
        ("film.webp", ("--seeds", "0,1,2"), "seeds: wanted 2, one for each prompt, got 3"),
        ("film.webp", ("--seeds", "0,x"), "seeds: wanted whole numbers separated by commas, got '0,x'"),
        ("film.webp", ("--seeds", "0,-1"), "seeds: wanted at least 0"),
        ("film.webp", ("--separate",), "separate: wanted different prompts and seeds"),
        ("film.webp", ("--loop", "--ping-pong"), "ping_pong: a loop is back at its beginning already"),
        ("film.webp", ("--method", "aid-inner", "--seeds", "0,1"), "seeds: frames of 'aid-inner' attend to"),
        ("film.webp", ("--method", "slerp", "--interpolation", "spline"), "wanted one whose rows move straight"),
        ("film.webp", ("--frames", "1"), "frames: wanted at least 2, one for each prompt, got 1"),
        ("film.gif", ("--method", "teleport"), "methods: unknown method 'teleport'"),
    ],
)
def test_a_mistake_gets_one_line_and_status_2(run, film, options, message):
    result = run(film, *options)
    assert result.exit_code == 2
    assert message in result.output
    assert result.output.count("\n") == 1
    assert "Traceback" not in result.output


def test_without_ffmpeg_the_way_out_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    with pytest.raises(UserError, match=r"-m pip install 'imageio-ffmpeg>=[0-9.]+', or choose \.webp or \.gif"):
        write_film(FRAMES, tmp_path / "film.mp4")


def test_a_film_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        write_film(FRAMES, tmp_path / "file" / "film.gif")
