"""The frames of a run on disk: one PNG each, whole or not there at all, named by method and t; rendered once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from tqdm.auto import tqdm

from whichway.analysis.errors import writing
from whichway.analysis.models.model import Model
from whichway.analysis.images.rendering import Sampling, render_each
from whichway.analysis.paths.attention_interpolation import AttendedCloud
from whichway.geometry import PointCloud

Name = tuple[str, float | None]  # of a frame: method and t, or a name alone

Picture = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class FrameStore:
    """``folder/<method>/t0.125000.png``, or ``folder/<name>.png``: all that tells a frame from the run's others."""

    folder: Path

    def path(self, name: str, t: float | None = None) -> Path:
        return self.folder / f"{name}.png" if t is None else self.folder / name / f"t{t:.6f}.png"

    def read(self, path: Path) -> Picture:
        """The frame's pixels.

        Raises:
            OSError: there is none, or it is damaged.
        """
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))

    def read_strip(self, name: str, times: Sequence[float | None]) -> np.ndarray:
        """The frames of a method, (frames, height, width, 3) uint8.

        Raises:
            OSError: one of them is not there, or is damaged.
        """
        return np.stack([self.read(self.path(name, t)) for t in times])

    def find(self, path: Path) -> Picture | None:
        """The frame's pixels, or None where it has to be rendered (again)."""
        try:
            return self.read(path)
        except OSError:
            return None

    def write(self, path: Path, picture: Picture) -> None:
        """Write aside, then rename, so that a kill never leaves half a frame."""
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.with_suffix(".partial")
            Image.fromarray(picture).save(aside, format="PNG")
            aside.replace(path)


def image_key(cloud: PointCloud) -> bytes:
    """All that a frame shows of a cloud: its rows with their weights, in any order. Equal keys, equal images.

    Frames that attend to the ends of their path row by row are the exception: there the order of rows matters.
    """
    rows = _weighted_rows(cloud)
    if isinstance(cloud, AttendedCloud):
        ends = b"".join(_weighted_rows(end).tobytes() for end in cloud.ends)
        return rows.tobytes() + ends + f"{cloud.t} {cloud.kind}".encode()
    return b"".join(sorted(row.tobytes() for row in rows))


def _weighted_rows(cloud: PointCloud) -> np.ndarray:
    return np.hstack([cloud.rows.double().numpy(), cloud.weights.double().numpy()[:, None]])


class FrameRenderer:
    """Renders frames that are not on disk, the same cloud only once, and counts."""

    def __init__(
        self,
        model: Model,
        sampling: Sampling,
        store: FrameStore,
        report: Callable[[str], object] = lambda line: None,
        *,
        progress: bool = True,
    ) -> None:
        self.model, self.sampling, self.store, self.report, self.progress = model, sampling, store, report, progress
        self.known: dict[bytes, Path] = {}  # cloud → a frame of it
        self.rendered = self.reused = 0

    def render(self, wanted: Mapping[Name, PointCloud]) -> None:
        """Make sure that there is a frame for every (name, t)."""
        for _ in self.render_each(wanted):
            pass

    def render_each(
        self,
        wanted: Mapping[Name, PointCloud],
        *,
        batch_size: int | None = None,
        on_step: Callable[[], object] = lambda: None,
    ) -> Iterator[tuple[list[Name], Picture]]:
        """Each different frame, as soon as it is on disk, with all the names that it goes by; first those that are.

        Args:
            batch_size, on_step: as in :func:`whichway.analysis.images.rendering.render_each`.
        """
        same: dict[bytes, list[Name]] = {}
        clouds: dict[bytes, PointCloud] = {}
        for name, cloud in wanted.items():
            key = image_key(cloud)
            same.setdefault(key, []).append(name)
            clouds[key] = cloud
        missing = []
        for key, names in same.items():
            there = self._find(key, names)
            if there is None:
                missing.append((key, names))
            else:
                yield names, there
        self.report(f"frames: {len(same)} different ones, {len(same) - len(missing)} there, {len(missing)} to render")
        missing.sort(key=lambda item: len(clouds[item[0]]))  # clouds of one size share a batch
        asked = [clouds[key] for key, _ in missing]
        fresh = render_each(self.model, asked, self.sampling, batch_size=batch_size, on_step=on_step)
        pairs = zip(missing, fresh, strict=True)
        hidden = not (missing and self.progress)
        for (_, names), picture in tqdm(pairs, total=len(missing), desc="frames", unit="frame", disable=hidden):
            for name in names:
                self.store.write(self.store.path(*name), picture)
            self.rendered += 1
            yield names, picture

    def _find(self, key: bytes, names: Sequence[Name]) -> Picture | None:
        """The picture from any frame that shows it, and the names that lack it get it; None: there is no such frame."""
        pictures = {path: self.store.find(path) for path in (self.store.path(*name) for name in names)}
        seen_before = key in self.known
        elsewhere = self.known.setdefault(key, next(iter(pictures)))
        places = [*pictures.values(), None if elsewhere in pictures else self.store.find(elsewhere)]
        there = next((picture for picture in places if picture is not None), None)
        if there is not None:
            self.reused += not seen_before
            for path, picture in pictures.items():
                if picture is None:
                    self.store.write(path, there)
        return there
