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

from torch import Tensor

from whichway.analysis.clouds.ground_metrics import find_ground
from whichway.analysis.explorer.frame_map import map_frames
from whichway.analysis.explorer.improvement import improve, spread_evenly
from whichway.analysis.explorer.leg import Leg
from whichway.analysis.explorer.messages import Message, as_png, leg_message
from whichway.analysis.explorer.previews import Previews
from whichway.analysis.explorer.seen_frames import SeenFrames
from whichway.analysis.explorer.settings import ExplorerSettings
from whichway.analysis.families import Conditioning, TruncationWarning
from whichway.analysis.images.batch_size import fitting_batch_size
from whichway.analysis.models.model import Model
from whichway.analysis.pictures.style import colour, marker_outline
from whichway.analysis.runs.frame_index import FrameName
from whichway.analysis.runs.frame_recipe import path_recipes
from whichway.analysis.runs.run import Run, open_run, run_name

KIND = "exploration"
MOST_TOGETHER = 4  # frames in a batch: soon there, and soon cancelled
FOLDER = Path("runs") / "explorer"


class Exploration:
    """The paths between prompts, and as much of their images and measures as is there yet.

    Attributes:
        seen: the frames.
    """

    def __init__(self, settings: ExplorerSettings, model: Model, folder: Path = FOLDER) -> None:
        self.settings, self.model, self.folder = settings, model, folder
        self.seen = SeenFrames(settings, model)

    def look(
        self,
        check: Callable[[], None],
        cursor: Callable[[], float],
        tell: Callable[[Message], object] = lambda preview: None,
    ) -> Generator[Message, None, None]:
        """Everything, what is seen first soonest. The first message says that it can be done.

        Args:
            check: called at every sampling step; what it raises ends the work.
            cursor: the t that the user looks at; its frame comes before all others.
            tell: called with previews of frames that are being rendered.

        Raises:
            UserError: prompts that a method cannot join, a folder that cannot be written.
        """
        sampling = self.settings.sampling.resolved(self.model.defaults)
        self.previews = Previews(self.model, (sampling.height, sampling.width), tell)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", TruncationWarning)
            ends = [self.model.encode([prompt])[0] for prompt in self.settings.prompts]
        check()
        with ExitStack() as runs:
            self.seen.legs = self._open_legs(runs, ends)
            yield Message(self._paths_message())
            for warning in caught:
                yield Message({"kind": "notice", "text": str(warning.message)})
            ground = find_ground(self.settings.ground, self.model)
            yield Message({"kind": "geometry", "legs": [leg_message(leg, ground) for leg in self.seen.legs]})
            yield from self._render_missing(check, cursor)
            yield from improve(self.seen, self.settings.geodesic, check)
            yield from spread_evenly(self.seen, check)
            yield from self._render_missing(check, cursor)
        check()
        yield Message({"kind": "map", "views": map_frames(self.seen.legs, self.settings.methods)})
        yield Message({"kind": "done"})

    def _paths_message(self) -> dict[str, Any]:
        return {
            "kind": "paths",
            "times": self.settings.times,
            "keyframes": [*range(0, self.seen.count, self.seen.per_leg)],
            "taken": {name: self.seen.times(name) for name in self.settings.methods},
            "styles": self._styles(),
        }

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
            methods, seed = settings.chosen_methods, settings.sampling.seed
            recipes = path_recipes((settings.prompt_a, settings.prompt_b), methods, seed=seed)
            renderer = opened[folder].renderer(settings.sampling, recipes, progress=False)
            legs.append(Leg.join(start, end, methods, renderer, frames=settings.frames, seed=seed))
        return legs

    def _render_missing(self, check: Callable[[], None], cursor: Callable[[], float]) -> Iterator[Message]:
        """The frame at the cursor, then from coarse to fine, a few at a time."""
        most = min(MOST_TOGETHER, fitting_batch_size(self.model, self.settings.sampling))
        last = self.seen.count - 1
        while True:
            looked_at = round(min(max(cursor(), 0.0), 1.0) * last)
            order = self.seen.missing([looked_at, *coarse_to_fine(last + 1)])
            if not order:
                return
            yield from self._render(order, most if any(self.seen.frames.values()) else 1, check)
            yield from self.seen.measure()

    def _render(self, order: Sequence[int], together: int, check: Callable[[], None]) -> Iterator[Message]:
        """The first few indices of ``order``, all of the leg of the very first one, for every method.

        The frame of a prompt between two legs is the end of the first of them.
        """
        number = max(order[0] - 1, 0) // self.seen.per_leg
        leg, first = self.seen.legs[number], number * self.seen.per_leg
        of_leg = range(first + int(number > 0), first + self.seen.per_leg + 1)
        requested: dict[FrameName, Conditioning] = {}
        places: dict[FrameName, list[tuple[str, int]]] = {}
        for index in islice(dict.fromkeys(index for index in order if index in of_leg), together):
            for method, path in leg.paths.items():
                if index not in self.seen.frames[method]:
                    t = leg.times[method][index - first]
                    name = leg.frame_name(method, t)
                    requested[name] = path(t)
                    places.setdefault(name, []).append((method, index))

        def preview(names: list[list[FrameName]], latents: Tensor) -> None:
            self.previews.show([[place for name in of_frame for place in places[name]] for of_frame in names], latents)

        self.previews.begin()
        for names, picture in leg.renderer.render_each(requested, on_step=check, on_latents=preview):
            where = [place for name in names for place in places[name]]
            for method, index in where:
                self.seen.frames[method][index] = picture
            yield Message({"kind": "frame", "where": where}, (as_png(picture),))
            check()


def coarse_to_fine(count: int) -> list[int]:
    """All of range(count): both ends, the middle, the middles of the halves, and so on."""
    order, gaps = [0, count - 1][:count], [(0, count - 1)]
    while gaps:
        gaps = [half for a, b in gaps if b - a > 1 for half in ((a, (a + b) // 2), ((a + b) // 2, b))]
        order += [middle for _, middle in gaps[::2]]
    return order
