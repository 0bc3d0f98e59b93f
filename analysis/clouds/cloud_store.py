"""Encoded prompts on disk, for sets that memory does not hold: a folder with the rows of each part.

``clouds.json`` says which model made which prompts' rows and how many clouds each part's ``.npy`` holds; chunk by chunk
it gets the checksum of what was written. A run that was interrupted, a full disk or a damaged file therefore cost only
the chunks concerned: they are encoded again, all others are kept.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from tqdm.auto import tqdm

from whichway.analysis.clouds.parts import choose_parts, parts_of
from whichway.analysis.errors import UserError, require_known, writing
from whichway.analysis.families import Conditioning
from whichway.analysis.files import read_json, write_json, written_whole
from whichway.analysis.lock import locked
from whichway.analysis.models.model import Model
from whichway.analysis.models.photographs import describe_photographs
from whichway.analysis.models.versions import RENDERING_PACKAGES, versions
from whichway.geometry import PointCloud, StoredClouds, StoredRows
from whichway.geometry.npy_file import data_offset, write_header

CHUNK = 256  # prompts that are encoded, written and checked together
DTYPES = ("float32", "float16")
MANIFEST = "clouds.json"
DAMAGED = "{!r}: a file is missing or damaged; choose another folder"


@dataclass(frozen=True)
class CloudStore:
    """A finished store.

    Attributes:
        clouds: part → the clouds of all prompts, read when asked for.
        rounding: part → how far at most rounding to ``dtype`` moved a cloud in W_2: distances are right to twice that.
    """

    clouds: dict[str, StoredClouds]
    rounding: dict[str, float]


def store_clouds(
    model: Model,
    prompts: Sequence[str],
    folder: Path,
    *,
    parts: Sequence[str] = ("all",),
    dtype: str = "float32",
    progress: bool = True,
    report: Callable[[str], object] = lambda line: None,
) -> CloudStore:
    """Encode ``prompts`` into ``folder``, or what is missing there.

    Raises:
        UserError: a folder of other prompts, another model or other versions; one that cannot be written, or that
            another process writes; texts whose clouds are not all of one size and uniform; numbers too large for
            ``dtype``.
    """
    require_known("dtype", dtype, DTYPES)
    first = model.encode([prompts[0]])[0]
    chosen = choose_parts(parts, first)
    shapes = {part: [len(prompts), *_storable(parts_of(first)[part], part).shape] for part in chosen}
    identity = _identity(model, prompts, dtype, shapes)
    with locked(folder.with_name(f".{folder.name}.lock"), f"the store {str(folder)!r}"):
        written = _fill(folder, identity, model, prompts, progress, report)
    rounding = {part: max(float(of_chunk[part]["rounding"]) for of_chunk in written) for part in chosen}
    for part, moved in rounding.items():
        if moved:
            report(f"{part} in {dtype}: distances of other than near-duplicates are right to {2 * moved:.1e}")
    return CloudStore({part: StoredClouds(StoredRows(_file(folder, part))) for part in chosen}, rounding)


def _fill(
    folder: Path,
    identity: dict,
    model: Model,
    prompts: Sequence[str],
    progress: bool,
    report: Callable[[str], object],
) -> list[dict[str, dict]]:
    """Encode what is missing; of each chunk, what :func:`_write_chunk` says of it."""
    manifest = _open(folder, identity)
    chunks = [range(start, min(start + CHUNK, len(prompts))) for start in range(0, len(prompts), CHUNK)]
    done = {index for index in range(len(chunks)) if _is_whole(folder, manifest, index, chunks[index])}
    if 0 < len(done) < len(chunks):
        report(f"{str(folder)!r} has {sum(len(chunks[index]) for index in done)} of {len(prompts)} prompts")
    with tqdm(desc="prompts", total=len(prompts), disable=not progress or len(done) == len(chunks)) as bar:
        for index, chunk in enumerate(chunks):
            if index not in done:
                encoded = model.encode_each([prompts[place] for place in chunk])
                manifest["chunks"][str(index)] = _write_chunk(
                    folder, identity["shapes"], identity["dtype"], chunk, list(encoded)
                )
                write_json(folder / MANIFEST, manifest)
            bar.update(len(chunk))
    return list(manifest["chunks"].values())


def _identity(model: Model, prompts: Sequence[str], dtype: str, shapes: dict[str, list[int]]) -> dict:
    return {
        "prompts_sha256": hashlib.sha256(json.dumps(list(prompts)).encode()).hexdigest(),
        "model_sha256": model.fingerprint,
        "model_dtype": str(model.dtype).removeprefix("torch."),
        "reading": model.reading.changes | ({} if model.clip_skip is None else {"clip_skip": model.clip_skip}),
        "versions": versions(RENDERING_PACKAGES),
        "dtype": dtype,
        "shapes": shapes,
        "chunk": CHUNK,
        **describe_photographs(prompts, model.rendering_identity),
    }


def _open(folder: Path, identity: dict) -> dict:
    """The manifest of a store of ``identity``; where there is none, a new one with room for all clouds."""
    path = folder / MANIFEST
    if path.exists():
        try:
            manifest = read_json(path)
            _ = [float(of_part["rounding"]) for written in manifest["chunks"].values() for of_part in written.values()]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{str(path)!r} is damaged; choose another folder") from error
        changed = [name for name, value in identity.items() if manifest.get(name) != value]
        if changed:
            raise UserError(f"{str(folder)!r} stores clouds of other {', '.join(changed)}; choose another folder")
        return manifest
    if folder.exists() and not folder.is_dir():
        raise UserError(f"store: {str(folder)!r} is a file; wanted a folder")
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{str(folder)!r} is no store of clouds, and not empty; choose another folder")
    for part, shape in identity["shapes"].items():
        with written_whole(_file(folder, part)) as aside, aside.open("wb") as file:
            write_header(file, shape, identity["dtype"])
            file.flush()
            _claim(file, int(np.prod(shape)) * np.dtype(identity["dtype"]).itemsize)
    manifest = identity | {"chunks": {}}
    write_json(path, manifest)
    return manifest


def _claim(file: BinaryIO, size: int) -> None:
    """So many bytes more: a disk without room for all of it is said before anything is encoded, where systems can."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), file.tell(), size)
    else:
        file.truncate(file.tell() + size)


def _write_chunk(
    folder: Path, shapes: dict[str, list[int]], dtype: str, chunk: range, encoded: Sequence[Conditioning]
) -> dict[str, dict]:
    """Write the clouds of a chunk; part → checksum, and by how much rounding moved the cloud it moved most."""
    written = {}
    for part, (count, *shape) in shapes.items():
        rows = np.stack([_storable(parts_of(each)[part], part, shape) for each in encoded])
        with np.errstate(over="ignore"):
            rounded = rows.astype(dtype)
        if not np.isfinite(rounded).all():
            raise UserError(f"dtype: {part} has numbers too large for {dtype}; wanted float32")
        moved = float(np.linalg.norm(rounded.astype(float) - rows, axis=(1, 2)).max() / shape[0] ** 0.5)
        offset = data_offset(_file(folder, part), (count, *shape), dtype)
        if offset is None:
            raise UserError(DAMAGED.format(str(folder)))
        with writing(_file(folder, part)), _file(folder, part).open("r+b") as file:
            file.seek(offset + chunk.start * rounded[0].nbytes)
            file.write(rounded.tobytes())
        written[part] = {"crc32": zlib.crc32(rounded.data), "rounding": moved}
    return written


def _is_whole(folder: Path, manifest: dict, index: int, chunk: range) -> bool:
    """Whether a chunk of all parts is there as it was written."""
    written = manifest["chunks"].get(str(index))
    if written is None:
        return False
    try:
        return all(
            zlib.crc32(_mapped(_file(folder, part))[chunk.start : chunk.stop].data) == of_part.get("crc32")
            for part, of_part in written.items()
        )
    except (OSError, ValueError) as error:
        raise UserError(DAMAGED.format(str(folder))) from error


def _storable(cloud: PointCloud, part: str, shape: Sequence[int] | None = None) -> np.ndarray:
    """The rows of a cloud that a store can hold."""
    rows: np.ndarray = cloud.rows.cpu().double().numpy()
    if not cloud.is_uniform or (shape is not None and list(rows.shape) != list(shape)):
        raise UserError(f"store: the clouds of {part} are of different size or weighted; wanted no --store")
    return rows


def _mapped(path: Path) -> np.ndarray:
    rows: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return rows


def _file(folder: Path, part: str) -> Path:
    return folder / f"{part}.npy"
