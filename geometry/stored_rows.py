"""Many clouds in one .npy file, read a few at a time.

NumPy's own format rather than a chunked one (Zarr, HDF5): all clouds have one size, rows of embeddings do not compress,
and a cloud is one read at a place that is known. Each read opens and closes its map of the file, so that what was read
long ago is no longer counted as this process's memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, SupportsIndex, overload

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from whichway.geometry.cloud import PointCloud
from whichway.geometry.ground import EUCLIDEAN, GroundMetric


@dataclass(frozen=True)
class StoredRows:
    """A file of (k, n, d) float16, float32 or float64, of which the first ``count`` clouds are used.

    Float16 is read as float32; features of another ground metric than the Euclidean are computed, in float64, as they
    are read. It travels to another process as its path, from the root: that process may stand in another folder.

    Raises:
        ValueError: an array of other dimensions or another type of number.
    """

    path: Path
    count: int | None = None
    ground: GroundMetric = EUCLIDEAN

    def __post_init__(self) -> None:
        rows = self._map()
        if rows.ndim != 3 or rows.dtype not in (np.float16, np.float32, np.float64):
            raise ValueError(f"{str(self.path)!r}: wanted (k, n, d) of floats, got {rows.dtype} {rows.shape}")
        if self.count is not None and not 1 <= self.count <= len(rows):
            raise ValueError(f"count: wanted 1 to {len(rows)}, the clouds in {str(self.path)!r}, got {self.count}")

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"path": self.path.resolve()}

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        stored = len(self._map())
        return stored if self.count is None else self.count, *self[:1].shape[1:]

    @cached_property
    def dtype(self) -> torch.dtype:
        """Of what is read."""
        single = self.ground is EUCLIDEAN and self._map().dtype != np.float64
        return torch.float32 if single else torch.float64

    def __getitem__(self, clouds: slice | Int[np.ndarray, " c"]) -> Float[Tensor, "c n d"]:
        rows = self._map()[: self.count][clouds]
        dtype = np.float32 if self.dtype == torch.float32 else np.float64
        # places in an array are copied out of the map by NumPy, a slice is not
        copied = torch.from_numpy(np.array(rows, dtype) if isinstance(clouds, slice) else np.asarray(rows, dtype))
        return copied if self.ground is EUCLIDEAN else torch.stack([self.ground.features(each) for each in copied])

    def _map(self) -> np.ndarray:
        rows: np.ndarray = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return rows


@dataclass(frozen=True)
class StoredClouds(Sequence[PointCloud]):
    """The same as a sequence of clouds, of uniform weights and without labels, each read when it is asked for."""

    rows: StoredRows

    def __len__(self) -> int:
        return self.rows.shape[0]

    @overload
    def __getitem__(self, place: SupportsIndex) -> PointCloud: ...
    @overload
    def __getitem__(self, place: slice) -> "StoredClouds": ...
    def __getitem__(self, place: SupportsIndex | slice) -> "PointCloud | StoredClouds":
        if isinstance(place, slice):
            if place.start or (place.step or 1) != 1:
                raise ValueError(f"stored clouds: wanted the first ones, got {place}")
            return StoredClouds(replace(self.rows, count=len(range(len(self))[place])))
        place = range(len(self))[place]
        return PointCloud(self.rows[place : place + 1][0])
