"""Prompts → everything that can be looked at between them, piece by piece, as messages that a page can show.

A way through several prompts is made of legs, one for each two that follow each other. Each leg keeps its frames in a
run folder of its own, as a comparison does: what was rendered once is there at once when one comes back to it.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from io import BytesIO
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from whichway.analysis.clouds.projection import project
from whichway.analysis.errors import UserError
from whichway.analysis.images.rendering import fitting_batch_size
from whichway.analysis.models.model import Model
from whichway.analysis.pictures.coupling import gather_padding, token_labels
from whichway.analysis.pictures.projection import TITLES
from whichway.analysis.prompts.encoding import TruncationWarning, encode
from whichway.analysis.runs.comparison import Settings, measure_distances
from whichway.analysis.runs.folder import frame_identity, open_run, run_name
from whichway.analysis.runs.frames import FrameRenderer, FrameStore, Name, Picture
from whichway.analysis.runs.walk import build_way_path, find_ground
from whichway.analysis.smoothness.measures import Smoothness, measure_smoothness
from whichway.analysis.smoothness.perceptual_distance import perceptual_distance
from whichway.geometry import Coupling, PiecewisePath, PointCloud, transport_cost, uniform_times
from whichway.geometry.path import W2
from whichway.geometry.path import Path as GeometryPath

MOST_METHODS = 2  # side by side
MOST_TOGETHER = 4  # frames in a batch: soon there, and soon cancelled
MAPPED_ROWS = 256  # of a cloud; W_2 between larger ones takes longer than their frames
FOLDER = Path("runs") / "explorer"


@dataclass(frozen=True)
class ExplorerSettings:
    """What is looked at. ``frames`` are those of one leg, both its ends counted.

    Raises:
        UserError: fewer than two prompts, an empty one, no method or more than two, or what
            :class:`whichway.analysis.runs.comparison.Settings` does not take.
    """

    prompts: tuple[str, ...]
    methods: tuple[str, ...] = ("optimal",)
    ground: str = "euclidean"
    tokens: str = "all"
    frames: int = 17
    seed: int = 0
    steps: int = 20
    guidance: float = 3.0
    model: str = "miniature"
    metric: str = "efficientnet"

    def __post_init__(self) -> None:
        if len(self.prompts) < 2:
            raise UserError(f"prompts: wanted two or more, got {len(self.prompts)}")
        for letter, prompt in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", self.prompts, strict=False):
            if not prompt.strip():
                raise UserError(f"prompt {letter} is empty; say what its image should show")
        if not 1 <= len(self.methods) <= MOST_METHODS:
            raise UserError(f"methods: wanted one or two, side by side, got {len(self.methods)}")
        _ = self.legs  # complains about the rest

    @property
    def legs(self) -> tuple[Settings, ...]:
        shared = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "prompts"}
        return tuple(Settings(a, b, **shared) for a, b in pairwise(self.prompts))

    @property
    def times(self) -> list[float]:
        """All frames' t, from 0 at the first prompt to 1 at the last."""
        return uniform_times((self.frames - 1) * (len(self.prompts) - 1) + 1)


class Message(NamedTuple):
    """What a page is told: JSON with a ``kind``, and binary buffers (PNG)."""

    content: dict[str, Any]
    buffers: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Leg:
    """From one prompt to the next: paths by method, and the renderer that keeps their frames."""

    start: PointCloud
    end: PointCloud
    paths: Mapping[str, GeometryPath]
    renderer: FrameRenderer


class Exploration:
    """The ways between prompts, and as much of their images and measures as is there yet.

    Attributes:
        frames: method → index of its t → picture.
        steps: method → perceptual step after each frame, None where one of its two frames is missing.
    """

    def __init__(self, settings: ExplorerSettings, model: Model, folder: Path = FOLDER) -> None:
        self.settings, self.model, self.folder = settings, model, folder
        self.frames: dict[str, dict[int, Picture]] = {method: {} for method in settings.methods}
        self.steps: dict[str, list[float | None]] = {m: [None] * (len(settings.times) - 1) for m in settings.methods}

    def look(self, check: Callable[[], None], cursor: Callable[[], float]) -> Iterator[Message]:
        """Everything, soonest first what is seen first. The first message says that nothing stands in the way.

        Args:
            check: called at every sampling step; what it raises ends the work.
            cursor: the t that the user looks at; its frame comes before all others.

        Raises:
            UserError: prompts that a method cannot join, a folder that cannot be written.
        """
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", TruncationWarning)
            clouds = [encode(self.model, prompt) for prompt in self.settings.prompts]
        check()
        legs = [self._leg(*each) for each in zip(self.settings.legs, pairwise(clouds), strict=True)]
        yield Message({"kind": "walk", "times": self.settings.times})
        for each in said:
            yield Message({"kind": "notice", "text": str(each.message)})
        ground = find_ground(self.settings.ground, self.model)
        yield Message({"kind": "geometry", "legs": [_leg_message(leg, ground) for leg in legs]})
        while order := self._missing(cursor()):
            together = min(MOST_TOGETHER, fitting_batch_size(self.model)) if any(self.frames.values()) else 1
            yield from self._render(legs, order, together, check)
            yield from self._measure()
        check()
        yield Message({"kind": "map", "views": self._map(legs)})
        yield Message({"kind": "done"})

    def _leg(self, settings: Settings, ends: tuple[PointCloud, PointCloud]) -> Leg:
        shared = {"ground": settings.ground, "tokens": settings.tokens}
        prompts = {"prompt_a": settings.prompt_a, "prompt_b": settings.prompt_b}
        identity = frame_identity(self.model, settings.sampling, **prompts, **shared)
        folder = self.folder / run_name([*prompts.values()], identity)
        open_run(folder, asdict(settings), self.model, identity)
        paths = {
            name: build_way_path(name, way, self.model, ends, settings.seed) for name, way in settings.ways.items()
        }
        renderer = FrameRenderer(self.model, settings.sampling, FrameStore(folder / "frames"), progress=False)
        return Leg(*ends, paths, renderer)

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
        wanted: dict[Name, PointCloud] = {
            (method, t): path(t)
            for method, path in leg.paths.items()
            for t, index in index_of.items()
            if index not in self.frames[method]
        }
        for names, picture in leg.renderer.render_each(wanted, batch_size=together, on_step=check):
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
            found = self._distance([frames[k] for k in new], [frames[k + 1] for k in new])
            for k, step in zip(new, found, strict=True):
                steps[k] = float(step)
            content: dict[str, Any] = {"kind": "steps", "method": method, "steps": steps[:]}
            if smoothness := self.smoothness(method):
                content["smoothness"] = asdict(smoothness)
            yield Message(content)

    def smoothness(self, method: str) -> Smoothness | None:
        """None while steps are missing."""
        known = [step for step in self.steps[method] if step is not None]
        if len(known) < len(self.steps[method]):
            return None
        frames = self.frames[method]
        [end_to_end] = self._distance([frames[0]], [frames[len(known)]])
        return measure_smoothness(np.array(known), float(end_to_end))

    def _distance(self, starts: Sequence[Picture], ends: Sequence[Picture]) -> np.ndarray:
        return perceptual_distance(self.settings.metric, np.stack(starts), np.stack(ends))

    def _map(self, legs: Sequence[Leg]) -> dict[str, dict]:
        """Where every frame's cloud is on the plane, in both views. Methods that a view cannot show are left out."""
        ways = {m: PiecewisePath([leg.paths[m] for leg in legs]) for m in self.settings.methods}
        clouds = {method: [way(t) for t in self.settings.times] for method, way in ways.items()}
        reference, views = legs[0].start, {}
        for view in TITLES:
            shown = {m: c for m, c in clouds.items() if _is_shown(c, view, len(reference))}
            if not shown:
                continue
            found = project([cloud for way in shown.values() for cloud in way], view, reference=reference)
            points = iter(found.points.tolist())
            views[view] = {
                "title": f"{TITLES[view]}; {found.distortion}",
                "axes": found.axes,
                "points": {method: [next(points) for _ in way] for method, way in shown.items()},
            }
        return views


def _is_shown(clouds: Sequence[PointCloud], view: str, rows: int) -> bool:
    if view == "frobenius":
        return all(len(cloud) == rows for cloud in clouds)
    return max(map(len, clouds)) <= MAPPED_ROWS


def _leg_message(leg: Leg, ground: Any) -> dict[str, Any]:
    couplings, lengths = {}, {}
    for method, path in leg.paths.items():
        coupling: Coupling | None = getattr(path, "coupling", None)
        if coupling is not None:
            couplings[method] = coupling_message(coupling, leg.start, leg.end)
            if path.length_in == W2:
                lengths[method] = transport_cost(leg.start, leg.end, coupling, ground=ground)
    return {"distances": measure_distances(leg.start, leg.end), "couplings": couplings, "lengths": lengths}


def coupling_message(coupling: Coupling, a: PointCloud, b: PointCloud) -> dict[str, Any]:
    """Tokens of both prompts, padding gathered into one, and how many rows travel from which to which."""
    rows = gather_padding(coupling.plan(len(a), len(b)).numpy() * len(a), a.size, b.size)
    atoms = [(int(i), int(j), round(float(rows[i, j]), 3)) for i, j in zip(*np.nonzero(rows > 5e-3), strict=True)]
    return {"a": token_labels(a), "b": token_labels(b), "atoms": atoms, "share_moved": coupling.share_moved}


def coarse_to_fine(count: int) -> list[int]:
    """All of range(count): both ends, the middle, the middles of the halves, and so on."""
    order, gaps = [0, count - 1][:count], [(0, count - 1)]
    while gaps:
        gaps = [half for a, b in gaps if b - a > 1 for half in ((a, (a + b) // 2), ((a + b) // 2, b))]
        order += [middle for _, middle in gaps[::2]]
    return order


def as_png(picture: Picture) -> bytes:
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()
