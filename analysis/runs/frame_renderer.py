"""Renders the frames that are not on disk, the same conditioning only once, and counts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter

import numpy as np
from torch import Tensor

from whichway.analysis.families import Conditioning
from whichway.analysis.images.grouping import shape
from whichway.analysis.images.rendering import render_each
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.model import Model
from whichway.analysis.runs.frame_address import FrameAddresses
from whichway.analysis.runs.frame_index import FrameIndex, FrameName
from whichway.analysis.runs.frame_recipe import Recipes, text_chunks
from whichway.analysis.runs.frame_store import FrameStore, Picture
from whichway.analysis.runs.progress import frames_bar


class FrameRenderer:
    """The frames of one model under one sampling, kept in a store, found again through an index.

    Args:
        recipes: what each frame is made of, where its file shall say so.
        choice: of the model, for the same.
        on_progress: called after each sampling step with how far that was, in frames.

    Attributes:
        rendered, reused: numbers of different frames.
        seconds: spent in the model, for the frames rendered.
    """

    def __init__(
        self,
        model: Model,
        sampling: Sampling,
        store: FrameStore,
        index: FrameIndex,
        *,
        report: Callable[[str], object] = lambda line: None,
        progress: bool = True,
        recipes: Recipes = lambda name: None,
        choice: ModelChoice = ModelChoice(),
        on_progress: Callable[[float], object] = lambda frames: None,
    ) -> None:
        self.model, self.sampling = model, sampling.resolved(model.defaults)
        self.store, self.index = store, index
        self.report, self.progress = report, progress
        self.recipes, self.choice, self.on_progress = recipes, choice, on_progress
        self._addresses: FrameAddresses | None = None
        self._counted: set[str] = set()
        self.rendered = self.reused = 0
        self.seconds = 0.0

    def render(self, requested: Mapping[FrameName, Conditioning], recipes: Recipes | None = None) -> None:
        """Make sure that there is a frame for every (name, t); ``recipes``, of these: default, the renderer's."""
        for _ in self.render_each(requested, recipes=recipes):
            pass

    def strip(self, name: str, times: Sequence[float | None]) -> np.ndarray:
        """The frames of a method, (frames, height, width, 3) uint8.

        Raises:
            OSError, ValueError, KeyError: one of them is not there, or is damaged.
        """
        return read_strip(self.store, self.index, name, times)

    def image(self, name: FrameName) -> Picture:
        """One frame, (height, width, 3) uint8; raises as :meth:`strip`."""
        return self.strip(name[0], [name[1]])[0]

    def render_each(
        self,
        requested: Mapping[FrameName, Conditioning],
        *,
        on_step: Callable[[], object] = lambda: None,
        on_latents: Callable[[list[list[FrameName]], Tensor], object] = lambda names, latents: None,
        recipes: Recipes | None = None,
    ) -> Iterator[tuple[list[FrameName], Picture]]:
        """Each different frame with all its names, as soon as it is on disk; first those that are there already.

        Args:
            on_step: as in :func:`whichway.analysis.images.rendering.render_each`.
            on_latents: as there, with the names of each of these frames.
        """
        addresses = self._current_addresses()
        names: dict[str, list[FrameName]] = {}
        conditionings: dict[str, Conditioning] = {}
        for name, conditioning in requested.items():
            address = addresses.of(conditioning)
            names.setdefault(address, []).append(name)
            conditionings[address] = conditioning
        self.index.add({name: address for address, of_frame in names.items() for name in of_frame})
        missing = []
        for address, of_frame in names.items():
            existing = self.store.find(address)
            if existing is None:
                missing.append(address)
            else:
                self.reused += self._is_new(address)
                yield of_frame, existing
        self.report(f"frames: {len(names)} different ones, {len(names) - len(missing)} there, {len(missing)} to render")
        missing.sort(key=lambda address: shape(conditionings[address]))  # clouds of one size share a batch
        finished = 0
        with frames_bar(len(missing), hidden=not (missing and self.progress)) as bar:

            def expected(latents: Tensor) -> None:
                on_latents([names[address] for address in missing[finished : finished + len(latents)]], latents)

            def advance(frames: float) -> None:
                bar.advance(frames)
                self.on_progress(frames)

            pictures = render_each(
                self.model,
                [conditionings[address] for address in missing],
                self.sampling,
                on_step=on_step,
                on_progress=advance,
                on_latents=expected,
            )
            for address, picture in zip(missing, self._timed(pictures), strict=True):
                chunks = self._text_chunks(recipes or self.recipes, names[address], conditionings[address])
                self.store.write(address, picture, chunks)
                self.rendered += self._is_new(address)
                finished += 1
                bar.finish_frame()
                yield names[address], picture

    def _text_chunks(self, recipes: Recipes, names: Sequence[FrameName], conditioning: Conditioning) -> dict[str, str]:
        """By the first of its names that has a recipe: by all of them it is the same frame."""
        recipe = next(filter(None, map(recipes, names)), None)
        return text_chunks(recipe, conditioning, self.model, self.choice, self.sampling) if recipe else {}

    def _timed(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        while True:
            begun = perf_counter()
            picture = next(pictures, None)
            self.seconds += perf_counter() - begun
            if picture is None:
                return
            yield picture

    def _current_addresses(self) -> FrameAddresses:
        """Made anew when the model has changed, by an adapter for instance."""
        if self._addresses is None or self._addresses.model_identity != self.model.rendering_identity:
            self._addresses = FrameAddresses(self.model, self.sampling)
        return self._addresses

    def _is_new(self, address: str) -> bool:
        """Whether the frame has not been counted yet."""
        new = address not in self._counted
        self._counted.add(address)
        return new


def read_strip(store: FrameStore, index: FrameIndex, name: str, times: Sequence[float | None]) -> np.ndarray:
    """The frames of a method from disk, (frames, height, width, 3) uint8; no model is needed.

    Raises:
        OSError, ValueError, KeyError: one of them is not there, or is damaged.
    """
    return np.stack([store.read(address) for address in index.addresses(name, times)])
