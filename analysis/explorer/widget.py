"""The explorer between kernel and page: settings are traits, what there is to see are messages.

A change of a setting starts a new exploration in the background and ends the old one. Frames travel once, as PNG; the
page keeps them, so that moving the slider asks nobody.
"""

import logging
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from traitlets import Float, Int, List, Unicode

from whichway.analysis.errors import UserError
from whichway.analysis.explorer.background import Background, Check
from whichway.analysis.explorer.exploration import FOLDER, Exploration
from whichway.analysis.explorer.export import EXPORTS, export, finished_frames
from whichway.analysis.explorer.messages import Message
from whichway.analysis.explorer.settings import ExplorerSettings
from whichway.analysis.files import written_whole
from whichway.analysis.geodesics.settings import GeodesicSettings
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import MINIATURE, OWN, ModelChoice
from whichway.analysis.models.model import Model, load_model
from whichway.analysis.smoothness.measures import Smoothness
from whichway.analysis.smoothness.perceptual_distance import require_available
from whichway.analysis.vocabulary import (
    DTYPES,
    GROUNDS,
    PARAMETRISATIONS,
    PERCEPTUAL_DISTANCE,
    POOLED,
    SCHEDULERS,
    TOKENS,
)
from whichway.geometry import METHODS

PAGE = Path(__file__).parent / "page"
#: the page's files, joined into the one module that a widget is
PARTS = (
    "elements",
    "seen",
    "frame_image",
    "controls",
    "viewer",
    "strips",
    "numbers",
    "coupling",
    "map",
    "exports",
    "explorer",
)
SAMPLING = tuple(Sampling.__dataclass_fields__)
#: traits that are settings; those of the sampling stand beside the others, since the page sets them one by one
SETTINGS = (*(name for name in ExplorerSettings.__dataclass_fields__ if name != "sampling"), "dtype", *SAMPLING)


class Explorer(anywidget.AnyWidget):
    """Paths between two or more prompts, to look at while they are rendered.

    Args:
        model: a loaded model or a pipeline of diffusers, where the notebook has one; or, to be loaded in the
            background, a name as :func:`whichway.analysis.models.model.load_model` takes it, or a
            :class:`whichway.analysis.models.choice.ModelChoice`.
        folder: where frames are kept, to be there at once the next time.
        traits: ``prompts``, ``methods`` (one, or two side by side), ``ground``, ``tokens``, ``parametrisation``,
            ``pooled``, ``frames`` (of one leg), ``perceptual_distance``, ``geodesic_iterations``, ``dtype`` of the
            model, and those of :class:`whichway.analysis.images.sampling.Sampling`; all can be changed later, here or
            in the page, as can ``t``.
    """

    _esm = "\n".join((PAGE / f"{part}.js").read_text(encoding="utf-8") for part in PARTS)
    _css = PAGE / "explorer.css"

    prompts = List(Unicode(), ["a large fox on a blue background", "a panda on a pink background"]).tag(sync=True)
    methods = List(Unicode(), ["optimal", "identity"]).tag(sync=True)
    ground = Unicode("euclidean").tag(sync=True)
    tokens = Unicode("all").tag(sync=True)
    parametrisation = Unicode("uniform").tag(sync=True)
    pooled = Unicode("auto").tag(sync=True)
    frames = Int(17).tag(sync=True)
    geodesic_iterations = Int(GeodesicSettings.iterations).tag(sync=True)
    seed = Int(0).tag(sync=True)
    num_inference_steps = Int(None, allow_none=True).tag(sync=True)
    guidance_scale = Float(None, allow_none=True).tag(sync=True)
    negative_prompt = Unicode(None, allow_none=True).tag(sync=True)
    true_cfg_scale = Float(1.0).tag(sync=True)
    height = Int(None, allow_none=True).tag(sync=True)
    width = Int(None, allow_none=True).tag(sync=True)
    scheduler = Unicode("own").tag(sync=True)
    model = Unicode(MINIATURE).tag(sync=True)
    dtype = Unicode("auto").tag(sync=True)
    perceptual_distance = Unicode(PERCEPTUAL_DISTANCE).tag(sync=True)
    t = Float(0.5).tag(sync=True)
    choices = traitlets.Dict().tag(sync=True)

    def __init__(self, *, model: Any = MINIATURE, folder: Path = FOLDER, **traits: Any) -> None:
        if not isinstance(model, str | ModelChoice | Model):
            model = load_model(model)
        self._given = model if isinstance(model, Model) else None
        self._choice = _choice_of(model)
        self._loaded: tuple[ModelChoice, Model] | None = None
        self._folder, self._background = folder, Background()
        self._running = self._background.start(lambda check: None)
        self._settings: ExplorerSettings | None = None
        self._exploration: Exploration | None = None
        self._said: list[Message] = []
        choices = {
            "methods": {name: method.summary for name, method in METHODS.items()},
            "ground": GROUNDS,
            "tokens": TOKENS,
            "parametrisation": PARAMETRISATIONS,
            "dtype": DTYPES,
            "pooled": POOLED,
            "schedulers": SCHEDULERS,
            "exports": EXPORTS,
        }
        super().__init__(**{"model": self._choice.name, "dtype": self._choice.dtype, "choices": choices} | traits)
        self.on_msg(lambda _, content, buffers: self._hear(content))
        self.observe(lambda change: self._restart(), names=SETTINGS)
        self._restart()

    # --- for the notebook -------------------------------------------------------------------------------------------

    def wait(self, seconds: float | None = None) -> "Explorer":
        """Until all frames are there, or until the exploration was cancelled or failed; returns the explorer.

        Raises:
            TimeoutError: they are not, after so many seconds.
        """
        self._running.result(seconds)
        return self

    def images(self) -> dict[str, np.ndarray]:
        """Method → its frames, (frames, height, width, 3) uint8.

        Raises:
            UserError: some are not there yet.
        """
        exploration = self._looked_at()
        return finished_frames(exploration.seen.frames, len(exploration.settings.times))

    def smoothness(self) -> dict[str, Smoothness | None]:
        """Method → how smooth it looks; None where frames are missing, which may be all."""
        if self._exploration is None:
            return dict.fromkeys(self.methods)
        exploration = self._exploration
        return {method: exploration.seen.smoothness(method) for method in exploration.seen.frames}

    def export(self, file: str | Path, *, fps: float = 12, ping_pong: bool = True) -> Path:
        """Write what is seen: .png, .webp, .gif, .mp4 or .py.

        Raises:
            UserError: another suffix, frames that are not there yet, a file that cannot be written.
        """
        path = Path(file)
        content = export(self._looked_at(), path.suffix.lower(), fps=fps, ping_pong=ping_pong)
        with written_whole(path) as aside:
            aside.write_bytes(content)
        return path

    def cancel(self) -> None:
        """Stop rendering; what is there stays."""
        self._background.cancel()

    def close(self) -> None:
        self._background.close()
        super().close()

    # --- for the page -----------------------------------------------------------------------------------------------

    def _hear(self, content: dict) -> None:
        answers: dict[str, Callable[[], None]] = {
            "ping": lambda: self.send({"kind": "pong"}),
            "hello": self._say_again,
            "cancel": self.cancel,
            "explore": lambda: self._restart(again=True),
            "export": lambda: self._export_to_page(content),
        }
        answers[content["kind"]]()

    def _restart(self, *, again: bool = False) -> None:
        """Explore what the traits say, unless that is being done already."""
        try:
            settings = self._chosen_settings()
        except UserError as error:
            self._settings = None
            self.cancel()
            self._tell_error(error)
            return
        if settings == self._settings and not again:
            return
        self._settings = settings
        self._running = self._background.start(lambda check: self._explore(settings, check))

    def _chosen_settings(self) -> ExplorerSettings:
        """Raises a :class:`~whichway.analysis.errors.UserError` where the traits make no sense."""
        own = {name: getattr(self, name) for name in SETTINGS if name not in (*SAMPLING, "model", "dtype")}
        own |= {"prompts": tuple(self.prompts), "methods": tuple(self.methods)}
        sampling = Sampling(**{name: getattr(self, name) for name in SAMPLING})
        if self.model.startswith(OWN) and self.dtype != "auto":
            raise UserError(f"dtype: {self.model} has one already; wanted auto, or a pipeline built in {self.dtype}")
        same = self.model == self._choice.name  # of another model neither adapters nor a variant are known
        choice = replace(self._choice if same else ModelChoice(self.model), dtype=self.dtype)
        return ExplorerSettings(**own, model=choice, sampling=sampling)

    def _explore(self, settings: ExplorerSettings, check: Check) -> None:
        try:
            self._tell(Message({"kind": "loading", "text": f"loading {settings.model.name}"}))
            model = self._load(settings.model)
            require_available(settings.perceptual_distance)
            check()
            exploration = Exploration(settings, model, self._folder)
            # closed, it lets go of its folders
            with closing(exploration.look(check, lambda: self.t, self._show)) as messages:
                for message in messages:
                    check()
                    if message.content["kind"] == "paths":  # until here the old one stays
                        self._exploration, self._said = exploration, []
                    self._tell(message)
        except CancelledError:
            self._tell(Message({"kind": "cancelled"}))
        except UserError as error:
            self._tell_error(error)
        except Exception as error:  # said in the page: nobody sees what a thread prints
            logging.getLogger(__name__).exception("the exploration failed")
            self._tell_error(error)

    def _load(self, choice: ModelChoice) -> Model:
        """The notebook's own, in the dtype that it has; of others only the latest is kept: each may be large."""
        if self._given and choice == self._choice:
            return self._given
        if self._loaded is None or self._loaded[0] != choice:
            self._loaded = None  # let go of the one before the other takes its place
            self._loaded = choice, choice.load()
        return self._loaded[1]

    def _show(self, message: Message) -> None:
        """What is not said again to a page that was opened later."""
        self.send(message.content, list(message.buffers))

    def _tell(self, message: Message) -> None:
        for earlier in [each for each in self._said if each.buffers and each.content == message.content]:
            self._said.remove(earlier)  # a frame of a path that has become a better one since
        self._said.append(message)
        self._show(message)

    def _tell_error(self, error: Exception) -> None:
        words = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        self._tell(Message({"kind": "error", "text": words}))

    def _say_again(self) -> None:
        """To a page that was opened later than the exploration began."""
        for message in [*self._said]:
            self.send(message.content, list(message.buffers))

    def _export_to_page(self, content: dict) -> None:
        suffix, options = content["suffix"], {name: content[name] for name in ("fps", "ping_pong") if name in content}
        try:
            made = export(self._looked_at(), suffix, **options)
        except UserError as error:
            self.send({"kind": "refused", "text": str(error)})
        else:
            self.send({"kind": "file", "suffix": suffix}, [made])

    def _looked_at(self) -> Exploration:
        if self._exploration is None:
            raise UserError("nothing is there yet; wait for the first frames")
        return self._exploration


def _choice_of(model: str | ModelChoice | Model) -> ModelChoice:
    """How it was chosen; of a loaded model, "auto" is the dtype that it has."""
    if isinstance(model, Model):
        return ModelChoice(model.name).as_loaded(model)
    return ModelChoice(model) if isinstance(model, str) else model
