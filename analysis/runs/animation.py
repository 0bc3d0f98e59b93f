"""A film through prompts, and through seeds."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.files import read_json, write_json, written_whole
from whichway.analysis.images.guidance import negative_ends
from whichway.analysis.models.model import Model
from whichway.analysis.models.with_model import with_model
from whichway.analysis.paths.film_path import FilmPath, Moving
from whichway.analysis.runs.film import require_writable, write_film, written_fps
from whichway.analysis.runs.film_settings import FRAMES, FilmSettings
from whichway.analysis.runs.film_timing import eased, positions, steps_by_duration, steps_by_length
from whichway.analysis.runs.frame_index import FrameIndex, FrameName
from whichway.analysis.runs.frame_recipe import FrameRecipe
from whichway.analysis.runs.frame_renderer import FrameRenderer, read_strip
from whichway.analysis.runs.frame_store import FrameStore
from whichway.analysis.runs.perceptual_parametrisation import BUDGET
from whichway.analysis.runs.photographs import invert_photographs
from whichway.analysis.runs.rendered_paths import choose_times
from whichway.analysis.runs.run import FRAMES as FRAMES_FOLDER
from whichway.analysis.runs.run import INDEX, open_run, read_run, run_name
from whichway.analysis.smoothness.measures import Smoothness, measure_smoothness
from whichway.analysis.smoothness.perceptual_distance import require_available
from whichway.analysis.smoothness.steps import measure_steps
from whichway.geometry import uniform_times

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = "film"
DESCRIPTION = "film.json"  # in the run's folder: which of its frames the film has
MOVING: dict[str, Moving] = {"both": "both", "text": "text", "noise": "noise"}  # by the name of a film's frames
CAPTION = 24  # characters that fit above a frame of gallery's size
LOOKED_AT = 5  # frames of each leg by which its perceptual length is known before it is divided


@dataclass(frozen=True)
class Film:
    """A film, written.

    Attributes:
        contact_sheet: a picture of all its frames, or of evenly chosen ones.
        positions: of its frames (:mod:`whichway.analysis.paths.film_path`).
        smoothness: what moved → measures of that path at these positions: "both", and where text and noise were to be
            told apart "text" and "noise".
    """

    path: Path
    contact_sheet: Path
    positions: list[float]
    smoothness: dict[Moving, Smoothness]


def animate(
    settings: FilmSettings,
    film: Path,
    *,
    out: Path | None = None,
    model: Model | None = None,
    report: Callable[[str], object] = lambda line: None,
) -> Film:
    """Render the path through the prompts and write it as a film, a contact sheet beside it.

    Args:
        out: folder of the frames, resumable as that of a comparison.

    Raises:
        UserError: what :func:`~whichway.analysis.runs.film.write_film` and
            :func:`~whichway.analysis.runs.run.open_run` refuse; prompts that the method cannot join.
    """
    require_writable(film, settings.fps)
    rate = written_fps(film.suffix.lower(), settings.fps)
    by_duration = steps_by_duration(settings.at, rate) if settings.at else None
    require_available(settings.perceptual_distance)
    settings, model = with_model(settings, model, report)
    invert_photographs(model, settings.prompts, settings.sampling, report)
    identity = settings.identity | model.identity
    folder = out or Path("runs") / run_name([*settings.prompts[:3], "film"], identity)
    with open_run(folder, KIND, identity=identity, settings=asdict(settings), model=model, report=report) as run:
        footage = _Footage(settings, run.renderer(settings.sampling, partial(_recipe, settings)))
        chosen = footage.choose_positions(by_duration)
        moving = [*MOVING.values()] if settings.separate else [MOVING["both"]]
        strips = {what: footage.images(chosen, what) for what in moving}
        frames = strips["both"][: -1 if settings.loop else None]
        write_json(folder / DESCRIPTION, {"positions": chosen, "fps": float(rate)})
        write_film(frames, film, fps=settings.fps, ping_pong=settings.ping_pong)
        sheet = film.with_name(f"{film.stem}-contact-sheet.png")
        with written_whole(sheet) as aside:
            draw_saved_film(folder).savefig(aside)
    measured = {
        what: measure_smoothness(measure_steps(strip, settings.perceptual_distance)) for what, strip in strips.items()
    }
    return Film(film, sheet, chosen, measured)


def _recipe(settings: FilmSettings, name: FrameName) -> FrameRecipe:
    """Of the frame at a position; the name says what moves."""
    moving, position = name
    return FrameRecipe(
        settings.prompts,
        method=settings.chosen_method,
        position=position or 0.0,
        times=settings.keyframe_times,
        interpolation=settings.interpolation,
        closed=settings.loop,
        seeds=settings.keyframe_seeds,
        moving=MOVING[moving],
        coupling_seed=settings.sampling.seed,
        negatives=settings.negatives,
    )


class _Footage:
    """The frames of a film's path, at any position."""

    def __init__(self, settings: FilmSettings, renderer: FrameRenderer) -> None:
        self.settings, self.renderer = settings, renderer
        negative_ends(renderer.model, renderer.sampling, settings.negative_prompt_end)  # refuses where none is seen
        encoded: dict[str, Conditioning] = {p: renderer.model.encode([p])[0] for p in dict.fromkeys(settings.prompts)}
        keyframes = [encoded[prompt] for prompt in settings.prompts]
        self.path: FilmPath = _recipe(settings, ("both", 0.0)).path(keyframes, renderer.model)

    def images(self, positions: Sequence[float], moving: Moving = "both") -> np.ndarray:
        """(frames, height, width, 3) uint8; those on disk are not rendered again."""
        path = replace(self.path, moving=moving)
        self.renderer.render({(moving, position): path(position) for position in positions})
        return self.renderer.strip(moving, positions)

    def choose_positions(self, by_duration: list[int] | None) -> list[float]:
        """Of all frames; of a loop the first one again at the end."""
        if self.settings.chosen_method.parametrisation == "perceptual":
            self._say_what_it_costs(sum(by_duration) if by_duration else self._steps())
        steps = by_duration or steps_by_length(self._steps(), self._lengths())
        return positions(steps, self._times_of_leg)

    def _say_what_it_costs(self, steps: int) -> None:
        """Of a film there are hundreds of frames on a large model, and the user should hear of it first."""
        legs = self.settings.legs
        most = BUDGET * (steps + legs) + (LOOKED_AT * legs if legs > 1 else 0)
        self.renderer.report(
            f"{steps + (not self.settings.loop)} frames that look equally far apart: to find them up to {most} are "
            "rendered; --parametrisation uniform renders no more than the film has"
        )

    def _steps(self) -> int:
        """From frame to frame; those of a loop lead back to the first."""
        settings = self.settings
        frames = max(FRAMES, settings.legs + 1) if settings.frames is None else settings.frames
        return frames - (not settings.loop)

    def _lengths(self) -> list[float]:
        """Of each leg: perceptual ones where frames are to look equally far apart."""
        legs = range(self.settings.legs)
        if self.settings.chosen_method.parametrisation != "perceptual" or len(legs) == 1:
            return [1.0 for _ in legs]
        strips = [self.images([leg + t for t in uniform_times(LOOKED_AT)]) for leg in legs]
        distance = self.settings.perceptual_distance
        return [measure_smoothness(measure_steps(strip, distance)).ppl for strip in strips]

    def _times_of_leg(self, leg: int, frames: int) -> list[float]:
        settings = self.settings
        if settings.legs > 1:
            self.renderer.report(f"leg {leg + 1} of {settings.legs}: {frames} frames")
        times = choose_times(
            settings.method,
            settings.chosen_method,
            self.path.legs[leg],
            lambda times: self.images([leg + t for t in times]),
            self.renderer,
            frames,
            settings.perceptual_distance,
        )
        return eased(times) if settings.ease else times


def draw_saved_film(folder: Path, **layout: Any) -> "Figure":
    """The contact sheet of a finished film, drawn again without its model.

    Args:
        layout: as of :func:`whichway.analysis.pictures.contact_sheet.draw_contact_sheet`.

    Raises:
        UserError: no film in the folder, or an unfinished one.
    """
    from whichway.analysis.pictures.contact_sheet import draw_contact_sheet
    from whichway.analysis.pictures.gallery import SIDE

    settings = read_run(folder, KIND)["settings"]
    try:
        description = read_json(folder / DESCRIPTION)
        chosen = description["positions"][: -1 if settings["loop"] else None]
        frames = read_strip(FrameStore(folder / FRAMES_FOLDER), FrameIndex(folder / INDEX), "both", chosen)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{str(folder)!r} holds no finished film; run the command again") from error
    width = round(CAPTION * layout.get("side", SIDE) / SIDE)
    captions = {
        index: _caption(settings["prompts"], settings["seeds"], int(position), width)
        for index, position in enumerate(chosen)
        if float(position).is_integer()
    }
    return draw_contact_sheet(frames, captions, description["fps"], **layout)


def _caption(prompts: Sequence[str], seeds: Sequence[int], keyframe: int, width: int) -> str:
    from whichway.analysis.pictures.style import quoted

    return quoted(prompts[keyframe], width) + (f"\nseed {seeds[keyframe]}" if seeds else "")
