"""How long a study will take, said before it is run: its frames, times the seconds of a frame as measured here."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from whichway.analysis.families import Conditioning
from whichway.analysis.geodesics.string import initial_paths
from whichway.analysis.images.batch_size import fitting_batch_size
from whichway.analysis.images.differentiable_rendering import render_differentiably
from whichway.analysis.images.rendering import render
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import Model
from whichway.analysis.paths.conditioning_path import ConditioningPath, join
from whichway.analysis.prompts.pairs import PromptPair
from whichway.analysis.runs.frame_address import FrameAddresses
from whichway.analysis.runs.rendered_paths import RenderedPaths
from whichway.analysis.study.settings import StudySettings
from whichway.analysis.study.unit import measure_method, metrics_of_lengths
from whichway.geometry import PointCloud, uniform_times


@dataclass(frozen=True)
class Duration:
    """What is to be rendered and measured, and how fast.

    Attributes:
        units: (pair, seed).
        frames: different ones of the first unit; a parametrisation that looks for its times renders more.
        seconds: of a frame.
        measuring: seconds that a unit takes outside the model.
        searching: seconds that a unit's geodesics take at most: if none settles before its last iteration.
    """

    units: int
    frames: int
    seconds: float
    measuring: float = 0.0
    searching: float = 0.0

    @property
    def hours(self) -> float:
        return self.units * (self.frames * self.seconds + self.measuring + self.searching) / 3600

    def __str__(self) -> str:
        searching = f" + at most {self.searching:.3g} s of looking for geodesics" if self.searching else ""
        return (
            f"{self.units} (pair, seed) × ({self.frames} frames × {self.seconds:.3g} s a frame + {self.measuring:.3g} "
            f"s of measuring{searching}) = {_spoken(self.hours * 3600)}, on this machine as busy as it is now"
        )


def estimate_duration(settings: StudySettings, pairs: Sequence[PromptPair], model: Model) -> Duration:
    """Count the frames of the first pair; render a batch, and measure one path of it, after a first time to warm up.

    Nothing is written. Frames whose rows have weights of their own take a little longer than those rendered here.
    """
    start, end = model.encode([pairs[0].prompt_a]) + model.encode([pairs[0].prompt_b])
    sampling = replace(settings.sampling, seed=settings.first_seed)
    methods = settings.chosen_methods
    paths = {
        name: join(name, method, start, end, model=model, seed=settings.first_seed) for name, method in methods.items()
    }
    geodesics = [name for name, method in methods.items() if method.is_geodesic]
    times = uniform_times(settings.frames)
    known = {name: (0.0, 1.0) if name in geodesics else times for name in paths}
    conditionings = [start, end, *(path(t) for name, path in paths.items() for t in known[name])]
    addresses = FrameAddresses(model, sampling)
    frames = len({addresses.of(conditioning) for conditioning in conditionings}) + len(geodesics) * (len(times) - 2)
    batch = [start, end] * (max(2, min(fitting_batch_size(model, sampling), frames)) // 2)
    render(model, batch[:2], sampling)
    begun = perf_counter()
    images = render(model, batch, sampling)
    seconds = (perf_counter() - begun) / len(batch)
    paths |= {name: replace(paths[name], clouds=initial_paths(paths[name])) for name in geodesics}
    measuring = _seconds_of_measuring(settings, (start, end), paths, times, images, model)
    searching = len(geodesics) * _seconds_of_a_search(settings, start, sampling, model) if geodesics else 0.0
    return Duration(len(pairs) * settings.seeds, frames, seconds, len(paths) * measuring, searching)


def _seconds_of_a_search(
    settings: StudySettings, conditioning: Conditioning, sampling: Sampling, model: Model
) -> float:
    """Of one geodesic, all iterations: as many frames with gradients as it has clouds in between, in each.

    One frame is made, after a first one to warm up.
    """
    clouds = {
        encoder: PointCloud(cloud.rows.clone().requires_grad_(), cloud.weights)
        for encoder, cloud in conditioning.clouds.items()
    }
    for _ in range(2):
        begun = perf_counter()
        render_differentiably(model, [replace(conditioning, clouds=clouds)], sampling).mean().backward()
    seconds = perf_counter() - begun
    return (settings.geodesic.iterations + 1) * (settings.geodesic.count(settings.frames) - 2) * seconds


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
    captions = (ends[0].source, ends[1].source)
    rendered = RenderedPaths(ends, {name: path}, {name: times}, {name: strip}, {name: strip[-1]}, captions)
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
