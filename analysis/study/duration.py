"""How long a study will take, said before it is run: its frames, times the seconds of a frame as measured here."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from whichway.analysis.families import Conditioning
from whichway.analysis.images.rendering import fitting_batch_size, render
from whichway.analysis.models.model import Model
from whichway.analysis.paths.conditioning_path import ConditioningPath, join
from whichway.analysis.prompts.pairs import PromptPair
from whichway.analysis.runs.frame_address import FrameAddresses
from whichway.analysis.runs.rendered_paths import RenderedPaths
from whichway.analysis.study.settings import StudySettings
from whichway.analysis.study.unit import measure_method, metrics_of_lengths
from whichway.geometry import uniform_times


@dataclass(frozen=True)
class Duration:
    """What is to be rendered and measured, and how fast.

    Attributes:
        units: (pair, seed).
        frames: different ones of the first unit; a parametrisation that looks for its times renders more.
        seconds: of a frame.
        measuring: seconds that a unit takes outside the model.
    """

    units: int
    frames: int
    seconds: float
    measuring: float = 0.0

    @property
    def hours(self) -> float:
        return self.units * (self.frames * self.seconds + self.measuring) / 3600

    def __str__(self) -> str:
        return (
            f"{self.units} (pair, seed) × ({self.frames} frames × {self.seconds:.3g} s a frame + {self.measuring:.3g} "
            f"s of measuring) = {_spoken(self.hours * 3600)}, on this machine as busy as it is now"
        )


def estimate_duration(settings: StudySettings, pairs: Sequence[PromptPair], model: Model) -> Duration:
    """Count the frames of the first pair; render a batch, and measure one path of it, after a first time to warm up.

    Nothing is written. Frames whose rows have weights of their own take a little longer than those rendered here.
    """
    start, end = model.encode([pairs[0].prompt_a]) + model.encode([pairs[0].prompt_b])
    sampling = replace(settings.sampling, seed=settings.first_seed)
    paths = {
        name: join(name, method, start, end, model=model, seed=settings.first_seed)
        for name, method in settings.chosen_methods.items()
    }
    times = uniform_times(settings.frames)
    conditionings = [start, end, *(path(t) for path in paths.values() for t in times)]
    addresses = FrameAddresses(model, sampling)
    frames = len({addresses.of(conditioning) for conditioning in conditionings})
    batch = [start, end] * (max(2, min(fitting_batch_size(model, sampling), frames)) // 2)
    render(model, batch[:2], sampling)
    begun = perf_counter()
    images = render(model, batch, sampling)
    seconds = (perf_counter() - begun) / len(batch)
    measuring = _seconds_of_measuring(settings, (start, end), paths, times, images, model)
    return Duration(len(pairs) * settings.seeds, frames, seconds, len(paths) * measuring)


def _seconds_of_measuring(
    settings: StudySettings,
    ends: tuple[Conditioning, Conditioning],
    paths: dict[str, ConditioningPath],
    times: list[float],
    images: np.ndarray,
    model: Model,
) -> float:
    """Of one path: two images in turn, each a little other than those before, so that none is looked at once only."""
    name, path = next(iter(paths.items()))
    strip = images[np.arange(len(times)) % len(images)] ^ np.arange(len(times), dtype=np.uint8)[:, None, None, None]
    rendered = RenderedPaths(ends, {name: path}, {name: times}, {name: strip}, {name: strip[-1]})
    grounds = metrics_of_lengths(model)
    for _ in range(2):
        begun = perf_counter()
        measure_method(rendered, name, settings.perceptual_distances, grounds, model.pipeline)
    return perf_counter() - begun


def announced(
    records: Iterator[dict[str, Any]], *, units: int, workers: int | None, report: Callable[[str], object]
) -> Iterator[dict[str, Any]]:
    """The records as they come; after the first, one line on how long the others will take.

    Args:
        units: how many records there will be.
        workers: that make them; None: unknown, so that nothing is said.
    """
    begun = perf_counter()
    for number, record in enumerate(records, start=1):
        if number == 1 < units and workers is not None:
            seconds = perf_counter() - begun
            report(
                f"the first of {units} (pair, seed) took {seconds:.1f} s; the others: {_spoken((units - 1) * seconds)}"
            )
        yield record


def _spoken(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"
