"""What the explorer shows, as a file: film strips, a film, or the Python that makes both again."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from whichway.analysis.errors import UserError
from whichway.analysis.explorer.exploration import Exploration
from whichway.analysis.explorer.settings import ExplorerSettings
from whichway.analysis.models.choice import OWN, ModelChoice
from whichway.analysis.pictures.filmstrips import draw_filmstrips
from whichway.analysis.runs.film import write_film

#: suffix of the file → what it is
EXPORTS = {
    ".png": "film strips",
    ".webp": "film, every pixel kept",
    ".gif": "film, 256 colours a frame",
    ".mp4": "film, H.264",
    ".py": "the Python that makes it again",
}
SEAM = 4  # pixels between methods side by side

Frames = UInt8[np.ndarray, "frames height width 3"]


def export(exploration: Exploration, suffix: str, *, fps: float = 12, ping_pong: bool = True) -> bytes:
    """The content of a file of that kind.

    Args:
        suffix: one of :data:`EXPORTS`.
        fps, ping_pong: of a film, as in :func:`whichway.analysis.runs.film.write_film`.

    Raises:
        UserError: another suffix, frames that are not rendered yet, or a film that cannot be made here.
    """
    if suffix not in EXPORTS:
        raise UserError(f"export: unknown {suffix!r}; known: {', '.join(EXPORTS)}")
    settings = exploration.settings
    if suffix == ".py":
        return _script(settings).encode()
    frames = finished_frames(exploration.seen.frames, len(settings.times))
    if suffix == ".png":
        buffer = BytesIO()
        times = {method: exploration.seen.times(method) for method in frames}
        draw_filmstrips(frames, times, settings.prompts[0], settings.prompts[-1]).savefig(buffer, format="png")
        return buffer.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / f"film{suffix}"
        write_film(side_by_side([*frames.values()]), film, fps=fps, ping_pong=ping_pong)
        return film.read_bytes()


def _script(settings: ExplorerSettings) -> str:
    methods = settings.legs[0].chosen_methods.values()
    searched = any(method.is_geodesic or method.parametrisation != "uniform" for method in methods)
    return comparisons_as_python(settings) if searched else as_python(settings)


def finished_frames(frames: Mapping[str, Mapping[int, np.ndarray]], count: int) -> dict[str, Frames]:
    """Method → all its frames in order.

    Raises:
        UserError: some are missing.
    """
    now = {method: dict(rendered) for method, rendered in frames.items()}  # they may be rendered meanwhile
    for method, rendered in now.items():
        if len(rendered) < count:
            raise UserError(f"export: {len(rendered)} of {count} frames of {method!r} are there; wait for the rest")
    return {method: np.stack([rendered[index] for index in range(count)]) for method, rendered in now.items()}


def side_by_side(strips: Sequence[Frames]) -> UInt8[np.ndarray, "frames height all_widths 3"]:
    """Films of the same length as one, white between them."""
    frames, height, _, channels = strips[0].shape
    seam = np.full((frames, height, SEAM, channels), 255, np.uint8)
    parts = [part for strip in strips for part in (seam, strip)]
    return np.concatenate(parts[1:], axis=2)


def _changed(choice: ModelChoice) -> str:
    """What differs from the defaults, as arguments behind the name."""
    changed = {
        field.name: getattr(choice, field.name)
        for field in fields(choice)
        if field.name != "name" and getattr(choice, field.name) != field.default
    }
    return "".join(f", {name}={value!r}" for name, value in changed.items())


def _load_model(choice: ModelChoice) -> str:
    """A call as source; a pipeline that the user had built is a variable that has to be given."""
    return f"load_model({'pipeline' if choice.name.startswith(OWN) else repr(choice.name)}{_changed(choice)})"


def as_python(settings: ExplorerSettings) -> str:
    """A script that renders the same frames with the package's public functions."""
    default = "@".join(("optimal", settings.ground, settings.tokens, settings.pooled))
    return f'''"""{" and ".join(settings.methods)} between {len(settings.prompts)} prompts, as seen in the explorer."""

from itertools import pairwise
from pathlib import Path

from whichway import Sampling, choose_method, join, load_model, measure_smoothness, measure_steps, render, write_film
from whichway.geometry import uniform_times

prompts = {list(settings.prompts)!r}
model = {_load_model(settings.model)}
sampling = {settings.sampling!r}
default = choose_method({default!r})
conditionings = model.encode(prompts)
times = uniform_times({settings.frames})  # from one prompt to the next
frames = {{}}
for name in {list(settings.methods)!r}:
    method = choose_method(name, default)
    legs = [join(name, method, a, b, model=model, seed={settings.sampling.seed}) for a, b in pairwise(conditionings)]
    path = [legs[0](0)] + [leg(t) for leg in legs for t in times[1:]]
    frames[name] = render(model, path, sampling)
    print(name, measure_smoothness(measure_steps(frames[name], {settings.perceptual_distance!r})))
    write_film(frames[name], Path(f"{{name}}.webp"), ping_pong=True)
'''


def comparisons_as_python(settings: ExplorerSettings) -> str:
    """The same where paths, or the times of frames, have to be looked for: a comparison of each two prompts."""
    leg = settings.legs[0]
    chosen = {
        name: getattr(leg, name) for name in ("methods", "ground", "tokens", "parametrisation", "pooled", "frames")
    }
    return f'''"""{" and ".join(settings.methods)} between {len(settings.prompts)} prompts, as seen in the explorer."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from whichway import (
    ComparisonSettings,
    GeodesicSettings,
    ModelChoice,
    Sampling,
    compare,
    load_model,
    measure_smoothness,
    measure_steps,
    read_comparison,
    write_film,
)

prompts = {list(settings.prompts)!r}
model = {_load_model(settings.model)}
chosen = {chosen!r}
chosen |= {{"sampling": {settings.sampling!r}, "geodesic": {settings.geodesic!r}}}
chosen |= {{"model": ModelChoice({settings.model.name!r}{_changed(settings.model)})}}  # as the run's records call it
distance = {settings.perceptual_distance!r}
legs = []
for a, b in pairwise(prompts):
    comparison = compare(ComparisonSettings(a, b, perceptual_distance=distance, **chosen), model=model)
    legs.append(read_comparison(comparison.folder).rendered.frames)
frames = {{}}
for method in {list(settings.methods)!r}:
    frames[method] = np.concatenate([leg[method][int(k > 0) :] for k, leg in enumerate(legs)])
    print(method, measure_smoothness(measure_steps(frames[method], distance)))
    write_film(frames[method], Path(f"{{method}}.webp"), ping_pong=True)
'''
