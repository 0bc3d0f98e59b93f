"""A file of prompts → the distances between all of them, on disk: ``whichway distances``.

A matrix for each part of the conditioning: each encoder's clouds, and each pooled vector, whose distances are Euclidean
whatever those of the rows. It is a .npy of N×N float64 that any NumPy reads, written block by block; NaN is what is not
done yet, so a run that was interrupted goes on where it stopped. The .json of the same name says what the rows are.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float
from sklearn.metrics import euclidean_distances
from tqdm.auto import tqdm

from whichway.analysis.clouds.approximation import Approximation, compare_with_exact
from whichway.analysis.clouds.cloud_store import store_clouds
from whichway.analysis.clouds.ground_metrics import find_ground
from whichway.analysis.clouds.on_cluster import blocks_on_cluster
from whichway.analysis.clouds.parts import ALL, choose_parts, file_of_part, parts_of
from whichway.analysis.errors import UserError, require_known, writing
from whichway.analysis.files import read_json, require_writable, write_json, written_whole
from whichway.analysis.lock import locked
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.memory import require_memory
from whichway.analysis.models.model import Model
from whichway.analysis.models.photographs import describe_photographs
from whichway.analysis.models.versions import RENDERING_PACKAGES, versions
from whichway.analysis.vocabulary import DISTANCES, GROUNDS
from whichway.geometry import (
    CloudStack,
    GroundMetric,
    PointCloud,
    StoredClouds,
    StoredRows,
    flatten_rows,
    linearise,
    slice_rows,
    wasserstein,
)
from whichway.geometry.cloud_stack import is_stackable
from whichway.geometry.npy_file import data_offset, write_header
from whichway.geometry.pairwise import (
    BLOCK,
    blocks_of,
    wasserstein_block,
    write_block,
)

APPROXIMATIONS = ("linearised", "sliced")
VECTOR_BLOCK = 256  # vectors on each side of a block: their distances are one product

Block = tuple[slice, slice]
BlockSolver = Callable[[slice, slice], Float[np.ndarray, "a b"]]


@dataclass(frozen=True)
class DistanceSettings:
    """What a matrix of distances depends on.

    Attributes:
        distance, ground: between rows; a pooled vector is none.
        parts: of the conditioning, of which to measure; "all".

    Raises:
        UserError: fewer than two prompts, an unknown distance, or one to which the ground metric means nothing.
    """

    prompts: tuple[str, ...]
    distance: str = "wasserstein"
    ground: str = "euclidean"
    parts: tuple[str, ...] = (ALL,)
    model: ModelChoice = ModelChoice()

    def __post_init__(self) -> None:
        if len(self.prompts) < 2:
            raise UserError(f"prompts: wanted at least 2 different ones, got {len(self.prompts)}")
        require_known("distance", self.distance, DISTANCES)
        require_known("ground", self.ground, GROUNDS)
        if self.distance == "frobenius" and self.ground != "euclidean":
            raise UserError(f"ground: {self.ground!r} with frobenius, which compares matrices; wanted euclidean")


@dataclass(frozen=True)
class Distances:
    """A finished matrix: where it is, of which distance, and the error of an approximate one."""

    path: Path
    distance: str
    matrix: Float[np.ndarray, "N N"]
    approximation: Approximation | None


def measure_all(
    settings: DistanceSettings,
    out: Path,
    *,
    model: Model | None = None,
    store: Path | None = None,
    store_dtype: str = "float32",
    dask: str | None = None,
    progress: bool = True,
    report: Callable[[str], object] = lambda line: None,
) -> dict[str, Distances]:
    """Part → distances between all prompts, an .npy: ``out``, or with the part's name where there are several; blocks
    that are there already are kept.

    Args:
        store: folder that keeps the encoded prompts, instead of memory; ``store_dtype``, in which floats.
        dask: address of a running Dask scheduler over which the blocks are spread; with a store, its workers read it.

    Raises:
        UserError: a file of other distances at ``out``, one that cannot be written, a model that cannot be loaded, a
            part that its texts do not have, clouds that the distance cannot compare.
    """
    if out.suffix != ".npy":
        raise UserError(f"out: wanted a name that ends in .npy, got {str(out)!r}")
    require_writable(out)
    model = model or settings.model.load(report)
    first = model.encode([settings.prompts[0]])[0]
    clouds: Mapping[str, Sequence[PointCloud]]
    if store is None:
        clouds = _encode(settings, model, progress)
    elif settings.distance == "linearised":
        raise UserError("distance: linearised takes as much memory as all clouds; wanted another with --store")
    else:
        clouds = store_clouds(
            model,
            settings.prompts,
            store,
            parts=settings.parts,
            dtype=store_dtype,
            progress=progress,
            report=report,
        ).clouds
    measured = {}
    for part, of_part in clouds.items():
        of_rows = part in first.clouds
        distance, ground = (settings.distance, settings.ground) if of_rows else ("frobenius", "euclidean")
        identity = _identity(settings.prompts, distance, ground, model)
        file = file_of_part(out, part, first)
        identity |= {"part": part} if file != out else {}
        identity |= {"rows": store_dtype} if store and store_dtype != "float32" else {}
        try:
            with locked(file.with_name(f".{file.name}.lock"), f"the distances in {str(file)!r}"):
                measured[part] = _measure(of_part, file, identity, find_ground(ground, model), model, dask, progress)
        except UserError:
            raise
        except ValueError as error:
            raise UserError(f"distance: {distance} of {part}: {error}") from error
        if approximation := measured[part].approximation:
            report(f"{distance}: {approximation}")
    return measured


def _encode(settings: DistanceSettings, model: Model, progress: bool) -> dict[str, list[PointCloud]]:
    """Part → the clouds of all prompts, in memory.

    Raises:
        UserError: they would not fit.
    """
    clouds: dict[str, list[PointCloud]] = {}
    conditionings = model.encode_each(settings.prompts)
    count = len(settings.prompts)
    for conditioning in tqdm(conditionings, "prompts", count, disable=not progress, leave=False):
        parts, first = parts_of(conditioning), not clouds
        for part in choose_parts(settings.parts, conditioning):
            clouds.setdefault(part, []).append(parts[part])
        if first:
            size = sum(cloud.rows.nbytes for of_part in clouds.values() for cloud in of_part)
            require_memory(
                2 * size * count, f"{count:,} prompts", "their conditionings (--store keeps them on the disk)"
            )
    return clouds


def _measure(
    clouds: Sequence[PointCloud],
    out: Path,
    identity: dict,
    ground: GroundMetric,
    model: Model,
    dask: str | None,
    progress: bool,
) -> Distances:
    """The matrix of one part."""
    distance = identity["distance"]
    device = "cuda" if model.device.type == "cuda" else "cpu"  # others have no float64
    matrix = open_matrix(out, identity)
    side = BLOCK if distance == "wasserstein" else VECTOR_BLOCK
    missing = [block for block in blocks_of(len(clouds), side) if not _is_done(matrix, block)]
    if missing:
        solver = _block_solver(clouds, distance, ground, device)
        _write_blocks(matrix, out, _solved(solver, missing, dask), missing, progress)
    error = compare_with_exact(matrix, clouds, ground) if distance in APPROXIMATIONS else None
    if error:
        write_json(sidecar(out), _read_sidecar(out) | {"approximation": asdict(error)})
    return Distances(out, distance, matrix, error)


# --- the file --------------------------------------------------------------------------------------------------------


def sidecar(out: Path) -> Path:
    return out.with_suffix(".json")


def open_matrix(out: Path, identity: dict) -> np.memmap:
    """The matrix at ``out``, all NaN where it is new, or damaged.

    Raises:
        UserError: a matrix of other distances is there, or a file of the sidecar's name that is not ours; there is no
            space for a new one.
    """
    count = len(identity["prompts"])
    if out.exists() or sidecar(out).exists():
        saved = _read_sidecar(out)
        changed = [name for name, value in identity.items() if saved.get(name) != value]
        if changed:
            raise UserError(f"{str(out)!r} holds distances of other {', '.join(changed)}; choose another file")
    if data_offset(out, (count, count), "<f8") is not None:  # NumPy would make a shorter file longer, by zeros
        return np.lib.format.open_memmap(out, mode="r+")
    write_json(sidecar(out), identity)
    with written_whole(out) as aside, aside.open("wb") as file:
        # Written, not merely mapped: a full disk is said here, and later writes need no more space.
        write_header(file, (count, count), "<f8")
        for _ in range(count):
            file.write(np.full(count, np.nan).tobytes())
    return np.lib.format.open_memmap(out, mode="r+")


def _read_sidecar(out: Path) -> dict:
    """What the sidecar says.

    Raises:
        UserError: it is not there, damaged, or a file of somebody else's.
    """
    try:
        content = read_json(sidecar(out))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{str(out)!r} is no matrix of ours: {str(sidecar(out))!r} is not there or damaged; choose another file"
        ) from error
    if not {"distance", "prompts", "model_sha256"} <= content.keys():
        raise UserError(f"{str(sidecar(out))!r} is not ours, and would be written over; choose another file")
    return content


def _identity(prompts: Sequence[str], distance: str, ground: str, model: Model) -> dict:
    return {
        "distance": distance,
        "ground": ground,
        "prompts": list(prompts),
        "model_sha256": model.fingerprint,
        "versions": versions(RENDERING_PACKAGES),
        **({} if model.clip_skip is None else {"clip_skip": model.clip_skip}),
        **model.reading.changes,
        **describe_photographs(prompts, model.rendering_identity),
    }


def _is_done(matrix: np.ndarray, block: Block) -> bool:
    """All of it is there: distances, which are neither NaN nor infinite nor negative."""
    rows, columns = block
    return all(bool((np.isfinite(part) & (part >= 0)).all()) for part in (matrix[rows, columns], matrix[columns, rows]))


def _write_blocks(matrix: np.memmap, out: Path, solved: Iterable, missing: Sequence, progress: bool) -> None:
    entries = sum(matrix[block].size for block in missing)
    with (
        tqdm(desc="distances", total=entries, unit_scale=True, disable=not (progress and missing)) as bar,
        writing(out),
    ):
        for (rows, columns), distances in solved:
            write_block(matrix, rows, columns, distances)
            bar.update(distances.size)
        matrix.flush()


# --- the blocks ------------------------------------------------------------------------------------------------------


def _block_solver(clouds: Sequence[PointCloud], distance: str, ground: GroundMetric, device: str) -> BlockSolver:
    if distance == "wasserstein" and is_stackable(clouds):
        return partial(wasserstein_block, CloudStack.of(clouds, ground=ground, device=device))
    if distance == "wasserstein":
        return partial(_block_of_any, clouds, ground)
    if distance == "frobenius" and isinstance(clouds, StoredClouds):
        return partial(_stored_frobenius_block, clouds.rows)
    if distance == "frobenius":
        return partial(_vector_block, flatten_rows(clouds))
    if distance == "linearised":
        return partial(_vector_block, linearise(clouds, clouds[0], ground=ground))
    return partial(_vector_block, slice_rows(clouds, ground=ground))


def _block_of_any(
    clouds: Sequence[PointCloud], ground: GroundMetric, rows: slice, columns: slice
) -> Float[np.ndarray, "a b"]:
    """Of clouds of different size, as masked texts are: pair by pair."""
    return np.array([[wasserstein(a, b, ground=ground) for b in clouds[columns]] for a in clouds[rows]])


def _vector_block(vectors: np.ndarray, rows: slice, columns: slice) -> Float[np.ndarray, "a b"]:
    # alone, scikit-learn makes the block symmetric with a zero diagonal
    distances: np.ndarray = euclidean_distances(vectors[rows], None if rows == columns else vectors[columns])
    return distances


def _stored_frobenius_block(stored: StoredRows, rows: slice, columns: slice) -> Float[np.ndarray, "a b"]:
    first = stored[rows].double().flatten(1).numpy() / stored.shape[1] ** 0.5
    second = None if rows == columns else stored[columns].double().flatten(1).numpy() / stored.shape[1] ** 0.5
    distances: np.ndarray = euclidean_distances(first, second)
    return distances


def _solved(solver: BlockSolver, blocks: Sequence[Block], dask: str | None) -> Iterator[tuple[Block, np.ndarray]]:
    if dask:
        return blocks_on_cluster(dask, solver, blocks)
    return ((block, solver(*block)) for block in blocks)
