"""Paths and times that get better while one watches: geodesics, and frames that look equally far apart.

Both begin with what is known at once, and take rendering to be found.
"""

from collections.abc import Callable, Iterator

import numpy as np

from whichway.analysis.explorer.leg import Leg
from whichway.analysis.explorer.messages import Message, as_png
from whichway.analysis.explorer.seen_frames import SeenFrames
from whichway.analysis.geodesics.settings import GeodesicSettings
from whichway.analysis.images.rendering import render_each
from whichway.analysis.runs.frame_store import Picture
from whichway.analysis.runs.geodesic_store import improving_paths

SHOWN_EVERY = 2  # iterations: all frames of a path, without gradients, take about as long as one iteration


def improve(seen: SeenFrames, settings: GeodesicSettings, check: Callable[[], None]) -> Iterator[Message]:
    """Look for the geodesics: after each iteration its energy, and now and then its frames; what is found is kept.

    Args:
        check: called at every sampling step; what it raises ends the search, which goes on from there the next time.
    """
    for number, leg in enumerate(seen.legs):
        for method in [*leg.unsolved]:
            yield from _improve(seen, number, method, settings, check)
            del leg.unsolved[method]
            seen.forget(method, number)


def _improve(
    seen: SeenFrames, number: int, method: str, settings: GeodesicSettings, check: Callable[[], None]
) -> Iterator[Message]:
    leg = seen.legs[number]
    improving = improving_paths(
        method,
        leg.methods[method],
        leg.unsolved[method],
        leg.renderer,
        settings,
        distance=seen.settings.perceptual_distance,
        frames=seen.settings.frames,
        on_step=check,
    )
    shown = 0  # the iteration that found the path whose frames the page has; 0: that from which the search starts
    for path, search in improving:
        leg.paths[method], iteration = path, len(search.energies) - 1
        share = search.energies[search.best_index] / (search.energies[0] or 1)
        about = {"leg": number, "method": method, "iteration": iteration, "most": settings.iterations}
        yield Message({"kind": "searched", "share": share} | about)
        if search.best_index > shown and iteration % SHOWN_EVERY == 0:
            shown = search.best_index
            yield from _show_meanwhile(seen, number, method, check)


def _show_meanwhile(seen: SeenFrames, number: int, method: str, check: Callable[[], None]) -> Iterator[Message]:
    """Frames of a path that will soon be another one: not worth a place on the disk."""
    leg = seen.legs[number]
    conditionings = [leg.paths[method](t) for t in leg.times[method][1:-1]]
    pictures = render_each(leg.renderer.model, conditionings, leg.renderer.sampling, on_step=check)
    for index, picture in enumerate(pictures, number * seen.per_leg + 1):
        seen.frames[method][index] = picture
        yield Message({"kind": "frame", "where": [(method, index)]}, (as_png(picture),))
    seen.forget_steps(method, number)
    yield from seen.measure()


def spread_evenly(seen: SeenFrames, check: Callable[[], None]) -> Iterator[Message]:
    """Where frames shall look equally far apart, the times at which they do; all that is rendered for it is kept."""
    for number, leg in enumerate(seen.legs):
        for method, chosen in leg.methods.items():
            if chosen.parametrisation == "uniform":
                continue
            if chosen.parametrisation == "perceptual":
                yield Message({"kind": "spreading", "method": method})
            distance = seen.settings.perceptual_distance
            images = _images_along(leg, method, check)
            times = leg.choose_times(method, seen.settings.frames, distance=distance, images=images)
            if times != leg.times[method]:
                leg.times[method] = times
                seen.forget(method, number)
                yield Message({"kind": "retimed", "method": method, "taken": seen.times(method)})


def _images_along(leg: Leg, method: str, check: Callable[[], None]) -> Callable[[list[float]], np.ndarray]:
    def images(times: list[float]) -> np.ndarray:
        pictures: dict[float | None, Picture] = {}
        requested = {leg.frame_name(method, t): leg.paths[method](t) for t in times}
        for names, picture in leg.renderer.render_each(requested, on_step=check):
            pictures |= {t: picture for _, t in names}
        return np.stack([pictures[t] for t in times])

    return images
