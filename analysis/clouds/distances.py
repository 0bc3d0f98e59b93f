"""A file of prompts → the distances between all of them, on disk: ``whichway distances``.

A matrix for each part of the conditioning: each encoder's clouds, and each pooled vector, whose distances are Euclidean
whatever those of the rows. It is a .npy of N×N float64 that any NumPy reads, written block by block; NaN is what is not
done yet, so a run that was interrupted goes on where it stopped. The .json of the same name says what the rows are.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.stats import spearmanr
from sklearn.metrics import euclidean_distances
from tqdm.auto import tqdm

from whichway.analysis.clouds.ground_metrics import find_ground
from whichway.analysis.clouds.on_cluster import blocks_on_cluster
from whichway.analysis.clouds.parts import ALL, choose_parts, file_of_part, parts_of
from whichway.analysis.errors import UserError, require_known, writing
from whichway.analysis.files import write_json, written_whole
from whichway.analysis.lock import locked
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.model import Model
from whichway.analysis.models.versions import RENDERING_PACKAGES, versions
from whichway.analysis.vocabulary import DISTANCES, GROUNDS
from whichway.geometry import CloudStack, GroundMetric, PointCloud, flatten_rows, linearise, slice_rows, wasserstein
from whichway.geometry.pairwise import (
    BLOCK,
    blocks_of,
    is_stackable,
    wasserstein_block,
    wasserstein_pairs,
    write_block,
)

APPROXIMATIONS = ("linearised", "sliced")
VECTOR_BLOCK = 256  # vectors on each side of a block: their distances are one product
SAMPLE = 200  # pairs on which an approximation is compared with exact W_2

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
class Approximation:
    """How far approximate distances are from exact W_2, over a random sample of pairs.

    Attributes:
        pairs: how many pairs.
        ratio: mean of approximate / exact.
        low, high: between which 95 % of the ratios lie.
        rank_correlation: Spearman's, between approximate and exact.
    """

    pairs: int
    ratio: float
    low: float
    high: float
    rank_correlation: float

    def __str__(self) -> str:
        return (
            f"{self.ratio:.3f} of exact W_2 on average over {self.pairs} random pairs "
            f"(95 % of them {self.low:.3f} to {self.high:.3f}; rank correlation {self.rank_correlation:.3f})"
        )


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
    dask: str | None = None,
    progress: bool = True,
    report: Callable[[str], object] = lambda line: None,
) -> dict[str, Distances]:
    """Part → distances between all prompts, an .npy: ``out``, or with the part's name where there are several; blocks
    that are there already are kept.

    Args:
        dask: address of a running Dask scheduler over which the blocks are spread.

    Raises:
        UserError: a file of other distances at ``out``, one that cannot be written, a model that cannot be loaded, a
            part that its texts do not have, clouds that the distance cannot compare.
    """
    if out.suffix != ".npy":
        raise UserError(f"out: wanted a name that ends in .npy, got {str(out)!r}")
    model = model or settings.model.load(report)
    conditionings = model.encode_each(settings.prompts)
    first = next(conditionings)
    clouds = {part: [parts_of(first)[part]] for part in choose_parts(settings.parts, first)}
    others = len(settings.prompts) - 1
    for conditioning in tqdm(conditionings, "prompts", others, disable=not progress, leave=False):
        parts = parts_of(conditioning)
        for part, of_part in clouds.items():
            of_part.append(parts[part])
    measured = {}
    for part, of_part in clouds.items():
        of_rows = part in first.clouds
        distance, ground = (settings.distance, settings.ground) if of_rows else ("frobenius", "euclidean")
        identity = _identity(settings.prompts, distance, ground, model)
        file = file_of_part(out, part, first)
        identity |= {"part": part} if file != out else {}
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


def compare_with_exact(
    matrix: Float[np.ndarray, "N N"], clouds: Sequence[PointCloud], ground: GroundMetric, *, seed: int = 0
) -> Approximation | None:
    """Solve a random sample of pairs exactly and compare; None where all sampled clouds are the same."""
    rng = np.random.default_rng(seed)
    rows, columns = np.tril_indices(len(clouds), -1)
    chosen = rng.choice(len(rows), min(SAMPLE, len(rows)), replace=False)
    first, second = rows[chosen], columns[chosen]
    exact = _exact_pairs(clouds, first, second, ground)
    apart = exact > 0
    if not apart.any():
        return None
    ratios = matrix[first, second][apart] / exact[apart]
    low, high = np.quantile(ratios, (0.025, 0.975))
    correlation = float(spearmanr(matrix[first, second], exact).statistic) if len(exact) > 2 else 1.0
    return Approximation(int(apart.sum()), float(ratios.mean()), float(low), float(high), correlation)


def _exact_pairs(
    clouds: Sequence[PointCloud], first: np.ndarray, second: np.ndarray, ground: GroundMetric
) -> Float[np.ndarray, " pairs"]:
    needed = np.unique(np.concatenate([first, second]))
    sampled = [clouds[index] for index in needed]
    if not is_stackable(sampled):
        return np.array([wasserstein(clouds[i], clouds[j], ground=ground) for i, j in zip(first, second, strict=True)])
    stack = CloudStack.of(sampled, ground=ground)
    return wasserstein_pairs(stack, np.searchsorted(needed, first), np.searchsorted(needed, second))


# --- the file --------------------------------------------------------------------------------------------------------


def sidecar(out: Path) -> Path:
    return out.with_suffix(".json")


def open_matrix(out: Path, identity: dict) -> np.memmap:
    """The matrix at ``out``, all NaN where it is new.

    Raises:
        UserError: a matrix of other distances is there, or there is no space for a new one.
    """
    count = len(identity["prompts"])
    if out.exists():
        saved = _read_sidecar(out)
        changed = [name for name, value in identity.items() if saved.get(name) != value]
        if changed:
            raise UserError(f"{str(out)!r} holds distances of other {', '.join(changed)}; choose another file")
        return np.lib.format.open_memmap(out, mode="r+")
    write_json(sidecar(out), identity)
    with written_whole(out) as aside, aside.open("wb") as file:
        # Written, not merely mapped: a full disk is said here, and later writes need no more space.
        header = {"descr": "<f8", "fortran_order": False, "shape": (count, count)}
        np.lib.format.write_array_header_1_0(file, header)
        for _ in range(count):
            file.write(np.full(count, np.nan).tobytes())
    return np.lib.format.open_memmap(out, mode="r+")


def _read_sidecar(out: Path) -> dict:
    try:
        content: dict = json.loads(sidecar(out).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{str(out)!r} is no matrix of ours: {str(sidecar(out))!r} is not there or damaged") from error
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
    }


def _is_done(matrix: np.ndarray, block: Block) -> bool:
    rows, columns = block
    return not (np.isnan(matrix[rows, columns]).any() or np.isnan(matrix[columns, rows]).any())


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


def _solved(solver: BlockSolver, blocks: Sequence[Block], dask: str | None) -> Iterator[tuple[Block, np.ndarray]]:
    if dask:
        return blocks_on_cluster(dask, solver, blocks)
    return ((block, solver(*block)) for block in blocks)
