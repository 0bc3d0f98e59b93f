"""Prompts → everything that can be looked at between them, piece by piece, as messages that a page can show.

A path through several prompts is made of legs, one for each two that follow each other. Each leg is a run with a folder
of its own, as a comparison is: what was rendered once is there at once when one comes back to it.
"""

import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from whichway.analysis.clouds.ground_metrics import find_ground
from whichway.analysis.clouds.parts import parts_of
from whichway.analysis.clouds.projection import project
from whichway.analysis.explorer.leg import Leg
from whichway.analysis.explorer.messages import Message, as_png, leg_message
from whichway.analysis.explorer.settings import ExplorerSettings
from whichway.analysis.families import Conditioning, TruncationWarning
from whichway.analysis.fidelity.frame_fidelity import Fidelity, mean_fidelity, measure_fidelity
from whichway.analysis.images.rendering import fitting_batch_size
from whichway.analysis.models.model import Model
from whichway.analysis.paths.conditioning_path import join
from whichway.analysis.pictures.projection import TITLES
from whichway.analysis.pictures.style import colour, marker_outline
from whichway.analysis.runs.frame_index import FrameName
from whichway.analysis.runs.frame_recipe import path_recipes
from whichway.analysis.runs.frame_store import Picture
from whichway.analysis.runs.run import Run, open_run, run_name
from whichway.analysis.smoothness.measures import Smoothness, measure_smoothness
from whichway.analysis.smoothness.perceptual_distance import perceptual_distance
from whichway.analysis.smoothness.steps import measure_steps
from whichway.geometry import PiecewisePath, PointCloud

KIND = "exploration"
MOST_TOGETHER = 4  # frames in a batch: soon there, and soon cancelled
MAPPED_ROWS = 256  # of a cloud; W_2 between larger ones takes longer than their frames
FOLDER = Path("runs") / "explorer"


class Exploration:
    """The paths between prompts, and as much of their images and measures as is there yet.

    Attributes:
        frames: method → index of its t → picture.
        steps: method → perceptual step after each frame, None where one of its two frames is missing.
        has_parts: whether a text is more than one cloud to the model; False until it is known.
    """

    def __init__(self, settings: ExplorerSettings, model: Model, folder: Path = FOLDER) -> None:
        self.settings, self.model, self.folder = settings, model, folder
        self.has_parts = False
        self.frames: dict[str, dict[int, Picture]] = {method: {} for method in settings.methods}
        self.steps: dict[str, list[float | None]] = {m: [None] * (len(settings.times) - 1) for m in settings.methods}

    def look(self, check: Callable[[], None], cursor: Callable[[], float]) -> Generator[Message, None, None]:
        """Everything, what is seen first soonest. The first message says that it can be done.

        Args:
            check: called at every sampling step; what it raises ends the work.
            cursor: the t that the user looks at; its frame comes before all others.

        Raises:
            UserError: prompts that a method cannot join, a folder that cannot be written.
        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", TruncationWarning)
            ends = [self.model.encode([prompt])[0] for prompt in self.settings.prompts]
        self.has_parts = len(parts_of(ends[0])) > 1
        check()
        with ExitStack() as runs:
            legs = self._open_legs(runs, ends)
            yield Message({"kind": "paths", "times": self.settings.times, "styles": self._styles()})
            for warning in caught:
                yield Message({"kind": "notice", "text": str(warning.message)})
            ground = find_ground(self.settings.ground, self.model)
            yield Message({"kind": "geometry", "legs": [leg_message(leg, ground) for leg in legs]})
            most = min(MOST_TOGETHER, fitting_batch_size(self.model, self.settings.sampling))
            while order := self._missing(cursor()):
                yield from self._render(legs, order, most if any(self.frames.values()) else 1, check)
                yield from self._measure()
        check()
        yield Message({"kind": "map", "views": self._map(legs)})
        yield Message({"kind": "done"})

    def _styles(self) -> dict[str, dict[str, str]]:
        """Method → its colour and its marker's outline, those of the figures."""
        return {name: {"colour": colour(name), "marker": marker_outline(name)} for name in self.settings.methods}

    def _open_legs(self, runs: ExitStack, ends: Sequence[Conditioning]) -> list[Leg]:
        """A folder holds frames of any settings: their addresses tell them apart. One met twice is opened once."""
        opened: dict[Path, Run] = {}
        legs = []
        for settings, (start, end) in zip(self.settings.legs, pairwise(ends), strict=True):
            folder = self.folder / run_name([*settings.prompts.values()], settings.prompts)
            if folder not in opened:
                run = open_run(folder, KIND, identity=settings.prompts, settings=asdict(settings), model=self.model)
                opened[folder] = runs.enter_context(run)
            paths = {
                name: join(name, method, start, end, model=self.model, seed=settings.sampling.seed)
                for name, method in settings.chosen_methods.items()
            }
            prompts = (settings.prompt_a, settings.prompt_b)
            recipes = path_recipes(prompts, settings.chosen_methods, seed=settings.sampling.seed)
            renderer = opened[folder].renderer(settings.sampling, recipes, progress=False)
            legs.append(Leg(start, end, paths, renderer))
        return legs

    def _missing(self, cursor: float) -> list[int]:
        """Indices of frames that some method lacks: the one at the cursor, then from coarse to fine."""
        last = len(self.settings.times) - 1
        looked_at = round(min(max(cursor, 0.0), 1.0) * last)
        order = [looked_at, *(index for index in coarse_to_fine(last + 1) if index != looked_at)]
        return [index for index in order if any(index not in frames for frames in self.frames.values())]

    def _render(
        self, legs: Sequence[Leg], order: Sequence[int], together: int, check: Callable[[], None]
    ) -> Iterator[Message]:
        """The first few indices of ``order``, all of the leg of the very first one, for every method."""
        first, per_leg = order[0], self.settings.frames - 1
        number = min(first // per_leg, len(legs) - 1)
        of_leg = range(number * per_leg, (number + 1) * per_leg + 1)
        chosen = list(islice((index for index in order if index in of_leg), together))
        leg, index_of = legs[number], {round((index - of_leg[0]) / per_leg, 9): index for index in chosen}
        requested: dict[FrameName, Conditioning] = {
            (method, t): path(t)
            for method, path in leg.paths.items()
            for t, index in index_of.items()
            if index not in self.frames[method]
        }
        for names, picture in leg.renderer.render_each(requested, on_step=check):
            where = [(method, index_of[t]) for method, t in names if t is not None]
            for method, index in where:
                self.frames[method][index] = picture
            yield Message({"kind": "frame", "where": where}, (as_png(picture),))
            check()

    def _measure(self) -> Iterator[Message]:
        """The steps between frames that are both there; smoothness where all are."""
        for method, frames in self.frames.items():
            steps = self.steps[method]
            new = [k for k, step in enumerate(steps) if step is None and k in frames and k + 1 in frames]
            if not new:
                continue
            distances = self._distance([frames[k] for k in new], [frames[k + 1] for k in new])
            for k, step in zip(new, distances, strict=True):
                steps[k] = float(step)
            content: dict[str, Any] = {"kind": "steps", "method": method, "steps": steps[:]}
            if smoothness := self.smoothness(method):
                content["measures"] = asdict(smoothness) | (self.fidelity(method) or {})
            yield Message(content)

    def smoothness(self, method: str) -> Smoothness | None:
        """None while steps are missing."""
        measured = [step for step in self.steps[method] if step is not None]
        if len(measured) < len(self.steps[method]):
            return None
        distance = self.settings.perceptual_distance
        return measure_smoothness(measure_steps(self._strip(method), distance, steps=np.array(measured)))

    def fidelity(self, method: str) -> Fidelity | None:
        """Of the frames between prompts; of several legs the mean. None while frames are missing."""
        per_leg = self.settings.frames - 1
        if len(self.frames[method]) < len(self.settings.times):
            return None
        strip, times = self._strip(method), np.linspace(0, 1, per_leg + 1).tolist()
        prompts = map(self.model.reading.words, self.settings.prompts)
        of_legs = [
            measure_fidelity(strip[first : first + per_leg + 1], times, captions, self.model.pipeline)
            for first, captions in zip(range(0, len(strip), per_leg), pairwise(prompts), strict=False)
        ]
        return mean_fidelity(of_legs)

    def _strip(self, method: str) -> np.ndarray:
        return np.stack([self.frames[method][index] for index in range(len(self.settings.times))])

    def _distance(self, starts: Sequence[Picture], ends: Sequence[Picture]) -> np.ndarray:
        return perceptual_distance(self.settings.perceptual_distance, np.stack(starts), np.stack(ends))

    def _map(self, legs: Sequence[Leg]) -> dict[str, dict]:
        """Where every frame's cloud is on the plane: both views of each encoder's. Methods that a view cannot show are
        left out.
        """
        several = len(legs[0].start.clouds) > 1
        return {
            f"{view}, {encoder}" if several else view: shown
            for encoder in legs[0].start.clouds
            for view in TITLES
            if (shown := self._view(legs, encoder, view))
        }

    def _view(self, legs: Sequence[Leg], encoder: str, view: str) -> dict | None:
        """One encoder's clouds in one view; None where it shows no method."""
        reference = legs[0].start.clouds[encoder]
        clouds = {}
        for method in self.settings.methods:
            path = PiecewisePath([leg.paths[method].clouds[encoder] for leg in legs])
            clouds[method] = [path(t) for t in self.settings.times]
        shown = {m: c for m, c in clouds.items() if _is_shown(c, view, len(reference))}
        if not shown:
            return None
        projection = project([cloud for of_path in shown.values() for cloud in of_path], view, reference=reference)
        points = iter(projection.points.tolist())
        return {
            "title": f"{TITLES[view]}; {projection.distortion}",
            "axes": projection.axes,
            "points": {method: [next(points) for _ in of_path] for method, of_path in shown.items()},
        }


def _is_shown(clouds: Sequence[PointCloud], view: str, rows: int) -> bool:
    if view == "frobenius":
        return all(len(cloud) == rows for cloud in clouds)
    return max(map(len, clouds)) <= MAPPED_ROWS


def coarse_to_fine(count: int) -> list[int]:
    """All of range(count): both ends, the middle, the middles of the halves, and so on."""
    order, gaps = [0, count - 1][:count], [(0, count - 1)]
    while gaps:
        gaps = [half for a, b in gaps if b - a > 1 for half in ((a, (a + b) // 2), ((a + b) // 2, b))]
        order += [middle for _, middle in gaps[::2]]
    return order
