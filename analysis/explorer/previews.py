"""Previews of frames that are being rendered, where rendering takes so long that somebody waits for it."""

from collections.abc import Callable, Sequence
from functools import cached_property
from time import perf_counter

from torch import Tensor

from whichway.analysis.explorer.messages import Message, as_png
from whichway.analysis.images.small_decoder import SmallDecoder
from whichway.analysis.models.model import Model

EVERY = 1.0  # seconds; a batch that is done before needs none
Place = tuple[str, int]  # a method and the index of a frame


class Previews:
    """Tells the page, every second of a batch, what its frames are going to be."""

    def __init__(self, model: Model, size: tuple[int, int], tell: Callable[[Message], object]) -> None:
        """``size``: height and width of the frames."""
        self.model, self.size, self.tell = model, size, tell
        self.begin()

    @cached_property
    def _decoder(self) -> SmallDecoder | None:
        """Fitted when the first preview is due."""
        return SmallDecoder.fitted(self.model.pipeline)

    def begin(self) -> None:
        """A batch begins."""
        self._last = perf_counter()

    def show(self, places: Sequence[Sequence[Place]], latents: Tensor) -> None:
        """The places of each frame, and its latents; packed ones (Flux) are not shown."""
        if perf_counter() - self._last < EVERY or latents.ndim != 4:
            return
        if self._decoder:
            for of_frame, picture in zip(places, self._decoder.decode(latents, *self.size), strict=True):
                self.tell(Message({"kind": "preview", "where": list(of_frame)}, (as_png(picture),)))
        self._last = perf_counter()
