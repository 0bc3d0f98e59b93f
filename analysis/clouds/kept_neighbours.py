"""Nearest neighbours that stay on disk: found batch by batch, so that a search that was interrupted goes on.

``neighbours.npy`` has a record for each cloud; ``neighbours.json`` says of which clouds they are, and of each finished
batch how many pairs were solved for it and the checksum of its records. What is damaged or of other clouds is searched
again: it costs time, never a wrong neighbour.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from whichway.analysis.clouds.on_cluster import Batch, neighbours_on_cluster
from whichway.analysis.errors import writing
from whichway.analysis.files import read_json, write_json, written_aside, written_whole
from whichway.analysis.lock import locked
from whichway.geometry import CloudStack, Neighbours
from whichway.geometry.lower_bounds import LowerBounds
from whichway.geometry.neighbours import SolvedPairs, batches_of_queries, search
from whichway.geometry.npy_file import data_offset

LAYOUT = 1


def find_kept_neighbours(
    stack: CloudStack, k: int, file: Path, *, dask: str | None = None, progress: bool = True
) -> Neighbours:
    """As :func:`whichway.geometry.nearest_neighbours`; those in ``file``, a .npy, are not searched again.

    Args:
        dask: address of a scheduler over whose workers the batches are spread.

    Raises:
        UserError: the file cannot be written, another process writes it, or the cluster is lost.
    """
    with locked(file.with_name(f".{file.name}.lock"), f"the neighbours in {str(file)!r}"):
        kept = _KeptNeighbours.open(file, _identity(stack, k))
        missing = [batch for batch in batches_of_queries(len(stack)) if not kept.has(batch)]
        with tqdm(desc="neighbours", total=len(stack), disable=not (progress and missing)) as bar:
            bar.update(len(stack) - sum(map(len, missing)))
            with _searched(stack, k, missing, file, dask) as batches:
                for queries, indices, distances, solved in batches:
                    kept.write(queries, indices, distances, solved)
                    bar.update(len(queries))
        return kept.read()


@contextmanager
def _searched(
    stack: CloudStack, k: int, missing: list[np.ndarray], file: Path, dask: str | None
) -> Iterator[Iterator[Batch]]:
    """The missing batches, one after the other; the features that they need are on disk beside ``file`` meanwhile."""
    if not missing:
        yield iter(())
        return
    with written_aside(file.with_name("features.npy")) as features:
        bounds = LowerBounds.of(stack, features)
        yield neighbours_on_cluster(dask, stack, bounds, k, missing) if dask else _here(stack, bounds, k, missing)


def _here(stack: CloudStack, bounds: LowerBounds, k: int, batches: list[np.ndarray]) -> Iterator[Batch]:
    """In this process, where each pair is solved once."""
    pairs = SolvedPairs(stack)
    for queries in batches:
        before = len(pairs)
        indices, distances = search(bounds, queries, k, pairs)
        yield queries, indices, distances, len(pairs) - before


def _identity(stack: CloudStack, k: int) -> dict[str, Any]:
    """Of which clouds the neighbours are: in float32, in which another order of summation does not show."""
    sizes = np.concatenate([stack.sizes.norms, stack.sizes.lengths]).astype("<f4")
    return {
        "layout": LAYOUT,
        "clouds": len(stack),
        "k": k,
        "batch": len(batches_of_queries(len(stack))[0]),
        "sizes_sha256": sha256(sizes.tobytes()).hexdigest(),
    }


@dataclass(frozen=True, eq=False)
class _KeptNeighbours:
    """The two files.

    Attributes:
        offset: where in the .npy the records begin.
        manifest: what the .json says.
    """

    path: Path
    record: np.dtype
    offset: int
    manifest: dict[str, Any]

    @classmethod
    def open(cls, path: Path, identity: dict[str, Any]) -> "_KeptNeighbours":
        """Those of ``identity`` that are there; none, where there are none or others."""
        count, k = identity["clouds"], identity["k"]
        record = np.dtype([("indices", "<i4", (k,)), ("distances", "<f8", (k,))])
        saved = _read_manifest(path.with_suffix(".json"), identity)
        offset = data_offset(path, (count,), record)
        if saved is None or offset is None:
            saved = identity | {"batches": {}}
            with written_whole(path) as aside:
                np.save(aside, np.zeros(count, record))
            write_json(path.with_suffix(".json"), saved)
            offset = data_offset(path, (count,), record)
            assert offset is not None
        return cls(path, record, offset, saved)

    def has(self, queries: np.ndarray) -> bool:
        """Whether a batch is there as it was written."""
        written = self.manifest["batches"].get(str(queries[0]))
        return written is not None and zlib.crc32(self._mapped()[queries].tobytes()) == written["crc32"]

    def write(self, queries: np.ndarray, indices: np.ndarray, distances: np.ndarray, solved: int) -> None:
        records = np.zeros(len(queries), self.record)
        records["indices"], records["distances"] = indices, distances
        content = records.tobytes()
        with writing(self.path), self.path.open("r+b") as file:
            file.seek(self.offset + int(queries[0]) * self.record.itemsize)
            file.write(content)
        self.manifest["batches"][str(queries[0])] = {"crc32": zlib.crc32(content), "solved": solved}
        write_json(self.path.with_suffix(".json"), self.manifest)

    def read(self) -> Neighbours:
        records = np.array(self._mapped())
        solved = sum(batch["solved"] for batch in self.manifest["batches"].values())
        return Neighbours(records["indices"].astype(int), records["distances"].copy(), solved)

    def _mapped(self) -> np.ndarray:
        records: np.ndarray = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return records


def _read_manifest(path: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """What the .json says, where it is of ``identity`` and not damaged."""
    try:
        saved = read_json(path)
        whole = all(isinstance(batch[name], int) for batch in saved["batches"].values() for name in ("crc32", "solved"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return saved if whole and identity.items() <= saved.items() else None
