"""The rows of many clouds in one .npy file, read a few clouds at a time.

NumPy's own format rather than a chunked one (Zarr, HDF5): all clouds have one size, rows of embeddings do not compress,
and a cloud is one read at a place that is known. Each read opens and closes its map of the file, so that what was read
long ago is no longer counted as this process's memory.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class StoredRows:
    """A file of (k, n, d) float16, float32 or float64, of which the first ``count`` clouds are used.

    Float16 is read as float32. It travels to another process as its path.

    Raises:
        ValueError: an array of other dimensions or another type of number.
    """

    path: Path
    count: int | None = None

    def __post_init__(self) -> None:
        rows = self._map()
        if rows.ndim != 3 or rows.dtype not in (np.float16, np.float32, np.float64):
            raise ValueError(f"{str(self.path)!r}: wanted (k, n, d) of floats, got {rows.dtype} {rows.shape}")
        if self.count is not None and not 1 <= self.count <= len(rows):
            raise ValueError(f"count: wanted 1 to {len(rows)}, the clouds in {str(self.path)!r}, got {self.count}")

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        stored, n, width = self._map().shape
        return stored if self.count is None else self.count, n, width

    @cached_property
    def dtype(self) -> torch.dtype:
        """Of what is read."""
        return torch.float64 if self._map().dtype == np.float64 else torch.float32

    def __getitem__(self, clouds: slice | Int[np.ndarray, " c"]) -> Float[Tensor, "c n d"]:
        rows = self._map()[: self.shape[0]][clouds]
        return torch.from_numpy(np.array(rows, np.float64 if self.dtype == torch.float64 else np.float32))

    def _map(self) -> np.ndarray:
        rows: np.ndarray = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return rows
