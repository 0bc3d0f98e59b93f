"""What a user sees while frames are rendered: a bar that moves with sampling steps, named rounds, costs first."""

import pytest

from whichway.analysis.images.rendering import render_each
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import load_model
from whichway.analysis.runs.film_settings import FilmSettings
from whichway.analysis.runs.progress import FramesBar, UnitsBar, frames_bar, tqdm

QUICK = Sampling(num_inference_steps=4, height=32, width=32)


@pytest.fixture(scope="module")
def model(tiny_pipeline_folder):
    return load_model(str(tiny_pipeline_folder), device="cpu")


def test_each_sampling_step_of_a_batch_is_a_part_of_its_frames(model):
    steps = []
    clouds = model.encode(["a red car", "a blue boat", "a fox"])
    list(render_each(model, clouds, QUICK, batch_size=2, on_progress=steps.append))
    assert steps == pytest.approx([2 / 4] * 4 + [1 / 4] * 4)  # a batch of two, then one of one
    assert sum(steps) == pytest.approx(3)


def test_a_scheduler_with_steps_of_its_own_still_counts_whole_frames(model):
    from diffusers import HeunDiscreteScheduler

    own = model.pipeline.scheduler
    steps = []
    try:
        model.pipeline.scheduler = HeunDiscreteScheduler.from_config(own.config)
        list(render_each(model, model.encode(["a fox"]), QUICK, on_progress=steps.append))
    finally:
        model.pipeline.scheduler = own
    assert len(steps) > 4
    assert sum(steps) == pytest.approx(1)


def test_the_bar_is_between_frames_while_a_batch_runs():
    with tqdm(total=16, disable=False, file=_Nowhere()) as inner:
        bar = FramesBar(inner)
        for _ in range(5):
            bar.advance(16 / 20)
        assert inner.n == pytest.approx(4)
        bar.finish_frame()
        assert inner.n == pytest.approx(4)  # the first of the batch is on disk; the others are still under way
        for _ in range(40):
            bar.advance(16 / 20)
        assert inner.n == 16  # a batch that was begun again does not go past the end
        for _ in range(15):
            bar.finish_frame()
        assert inner.n == 16


def test_frames_of_a_bar_that_heard_of_no_steps_count_too():
    with frames_bar(3, hidden=True) as bar:
        for _ in range(3):
            bar.finish_frame()


def test_a_pair_says_how_many_of_its_frames_are_there():
    with tqdm(total=2, file=_Nowhere(), mininterval=0) as inner:
        bar = UnitsBar(inner)
        bar.advance(1.5)
        assert inner.postfix == "1.5 frames of the next"
        assert list(bar.finished(["record"])) == ["record"]
        assert (inner.n, inner.postfix) == (1, "")


def test_a_film_says_beforehand_what_it_costs_and_names_its_rounds(model, tmp_path):
    from whichway.analysis.runs.animation import animate

    lines: list[str] = []
    settings = FilmSettings(("a red car", "a blue boat", "a fox"), frames=5, perceptual_distance="ssim", sampling=QUICK)
    film = animate(settings, tmp_path / "film.gif", out=tmp_path / "run", model=model, report=lines.append)
    assert len(film.positions) == 5
    cost = next(k for k, line in enumerate(lines) if line.startswith("5 frames that look equally far apart"))
    assert cost < next(k for k, line in enumerate(lines) if line.startswith("frames: "))
    most = int(lines[cost].partition("up to ")[2].split()[0])
    assert len(list((tmp_path / "run" / "frames").glob("*.png"))) <= most
    assert [line for line in lines if line.startswith("leg ")] == ["leg 1 of 2: 3 frames", "leg 2 of 2: 3 frames"]
    assert "optimal, round 1: 3 frames evenly in t" in lines


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, text: str) -> None: ...
    def flush(self) -> None: ...
