"""Many prompt pairs, many seeds, every way on each of them: a paired experiment that can be stopped at any moment.

The run's folder holds what was asked (``study.json``, written before the first frame and never changed), a line for
each finished (pair, seed) in ``records.jsonl``, which is only appended to, and the frames. All else is made from these.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout
from tqdm.auto import tqdm

from whichway.analysis.clouds.cross_attention_metric import cross_attention_metric
from whichway.analysis.errors import UserError, writing
from whichway.analysis.images.rendering import Sampling
from whichway.analysis.models.dtypes import same_image_tolerance
from whichway.analysis.models.model import MINIATURE, Model, load_model
from whichway.analysis.paths.way import Way, find_way
from whichway.analysis.prompts.encoding import encode
from whichway.analysis.prompts.pairs import PromptPair
from whichway.analysis.runs.comparison import measure_distances
from whichway.analysis.runs.folder import PACKAGES, RENDERING_PACKAGES, versions, write_json
from whichway.analysis.runs.frames import FrameRenderer, FrameStore
from whichway.analysis.runs.walk import Walk, measure_steps, walk
from whichway.analysis.smoothness.measures import Smoothness, measure_smoothness
from whichway.analysis.smoothness.perceptual_distance import PERCEPTIONS, require_available
from whichway.geometry import (
    EUCLIDEAN,
    PATHS,
    GroundMetric,
    PointCloud,
    find_method,
    rms_frobenius,
    transport_cost,
    wasserstein,
)
from whichway.geometry.path import W2

METHODS = (
    "identity",
    "random",
    "optimal",
    "optimal@cross-attention",
    "slerp",
    "spherical",
    "entropic",
    "partial",
    "unbalanced",
    "mixture",
    "aid-inner",
    "aid-outer",
)
MEASURES = tuple(Smoothness.__dataclass_fields__)
LARGEST_CLOUD = 256  # rows; beyond, W_2 between consecutive clouds takes longer than their frames


@dataclass(frozen=True)
class StudySettings:
    """What every pair goes through. ``metrics``: perceptual distances; the first is the one that reports show.

    Raises:
        UserError: a setting that makes no sense, with what would.
    """

    methods: tuple[str, ...] = METHODS
    frames: int = 9
    seeds: int = 3
    steps: int = 20
    guidance: float = 3.0
    model: str = MINIATURE
    sampler: str = "own"
    metrics: tuple[str, ...] = ("efficientnet",)
    device: str = "auto"
    dtype: str = "auto"

    def __post_init__(self) -> None:
        for name in ("methods", "metrics"):
            object.__setattr__(self, name, tuple(dict.fromkeys(getattr(self, name))))
            if not getattr(self, name):
                raise UserError(f"{name}: none given")
        for method in self.methods:
            find_way(method)
        for metric in self.metrics:
            if metric not in PERCEPTIONS:
                raise UserError(f"metrics: unknown {metric!r}; known: {', '.join(PERCEPTIONS)}")
        for name, value, least in (("frames", self.frames, 2), ("seeds", self.seeds, 1), ("steps", self.steps, 1)):
            if value < least:
                raise UserError(f"{name}: wanted at least {least}, got {value}")
        if not (np.isfinite(self.guidance) and self.guidance >= 0):
            raise UserError(f"guidance: wanted a finite number of at least 0, got {self.guidance}")

    def load_model(self) -> Model:
        """The model that the settings name, as they want it.

        Raises:
            UserError: as :func:`whichway.analysis.models.model.load_model`.
        """
        return load_model(self.model, device=self.device, dtype=self.dtype, sampler=self.sampler)

    @property
    def ways(self) -> dict[str, Way]:
        return {name: find_way(name) for name in self.methods}


@dataclass(frozen=True)
class Unit:
    """The piece of work that is done or not: all ways between one pair of prompts from one initial noise."""

    index: int
    pair: PromptPair
    seed: int

    @property
    def key(self) -> tuple[int, int]:
        return self.index, self.seed


def run_study(
    settings: StudySettings,
    pairs: Sequence[PromptPair],
    out: Path,
    *,
    model: Model | None = None,
    dask: str | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Do what is not done yet; returns :func:`read_results`.

    Args:
        out: the run's folder. One that holds another study is refused.
        model: a loaded model, where the caller has one.
        dask: address of a running Dask scheduler over which (pair, seed) are spread; its workers must see ``out``.

    Raises:
        UserError: no pairs, a folder of another study or one on which another process works, a model that cannot be
            loaded.
    """
    if not pairs:
        raise UserError("pairs: none given")
    for metric in settings.metrics:
        require_available(metric)  # before an hour of rendering, not after it
    model = model or settings.load_model()
    open_study(out, settings, pairs, model)
    with _alone(out):
        done = {(record["pair"], record["seed"]) for record in read_records(out)}
        units = [Unit(index, pair, seed) for (index, pair), seed in product(enumerate(pairs), range(settings.seeds))]
        missing = [unit for unit in units if unit.key not in done]
        if dask:
            from whichway.analysis.study.cluster import records_of_cluster

            found = records_of_cluster(dask, settings, missing, out)
        else:
            found = (unit_record(unit, settings, model, out) for unit in missing)
        bar = tqdm(found, total=len(units), initial=len(done), desc="study", unit="walk", disable=not progress)
        append_records(out, iter(bar))
    return read_results(out)


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """No second process works on the same study: each would write the records that the other is about to write."""
    lock = FileLock(out / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(f"another process works on the study in {str(out)!r}; wait for it, or stop it") from error
    try:
        yield
    finally:
        lock.release()


def study_name(settings: StudySettings, pairs: Sequence[PromptPair]) -> str:
    """A folder's name, different for different studies."""
    key = json.dumps([asdict(settings), [asdict(pair) for pair in pairs]], sort_keys=True)
    return f"study-{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def open_study(out: Path, settings: StudySettings, pairs: Sequence[PromptPair], model: Model) -> None:
    """Make the folder and write down what will be done, or check that it was the same.

    Raises:
        UserError: the folder holds another study, or cannot be written.
    """
    settled = asdict(settings) | {"methods": list(settings.methods), "metrics": list(settings.metrics)}
    del settled["device"], settled["dtype"]  # what they came to is said with the model
    asked = {
        "settings": settled,
        "pairs": [asdict(pair) for pair in pairs],
        "model": {"sha256": model.fingerprint, "device": model.device.type, "dtype": str(model.dtype)},
        "rendering_versions": versions(RENDERING_PACKAGES),
    }
    path = out / "study.json"
    if path.is_file():
        there = read_study(out)
        changed = [name for name, value in asked.items() if there.get(name) != value]
        if changed:
            raise UserError(f"{str(out)!r} holds a study of other {', '.join(changed)}; choose another folder")
        return
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    sampler = type(model.pipeline.scheduler).__name__
    tolerance = same_image_tolerance(model.dtype, settings.steps)
    write_json(path, asked | {"versions": versions(PACKAGES), "sampler": sampler, "endpoint_tolerance": tolerance})


def read_study(out: Path) -> dict:
    """What was written down before the first frame: settings, pairs, model, versions.

    Raises:
        UserError: no study in the folder, or a damaged one.
    """
    path = out / "study.json"
    try:
        content: dict = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{str(out)!r} holds no study; wanted the folder of a 'whichway study'") from error
    except ValueError as error:
        raise UserError(f"{str(path)!r} is damaged; remove it or choose another folder") from error
    return content


def walk_unit(unit: Unit, settings: StudySettings, model: Model, out: Path) -> Walk:
    """All ways between a pair of prompts; frames that are on disk are not rendered again."""
    ends = encode(model, unit.pair.prompt_a), encode(model, unit.pair.prompt_b)
    sampling = Sampling(seed=unit.seed, steps=settings.steps, guidance=settings.guidance)
    renderer = FrameRenderer(model, sampling, FrameStore(frames_folder(out, unit.index, unit.seed)), progress=False)
    return walk(renderer, ends, settings.ways, frames=settings.frames, metric=settings.metrics[0], seed=unit.seed)


def unit_record(unit: Unit, settings: StudySettings, model: Model, out: Path) -> dict:
    """Walk all ways between a pair of prompts, and measure."""
    walked = walk_unit(unit, settings, model, out)
    path = next(iter(walked.paths.values()))
    ends = path.start, path.end
    grounds: dict[str, GroundMetric] = {"wasserstein": EUCLIDEAN, "pull_back": cross_attention_metric(model)}
    distances = measure_distances(*ends) | {"pull_back": wasserstein(*ends, ground=grounds["pull_back"])}
    found = {name: _measure_way(walked, name, settings.metrics, grounds) for name in walked.paths}
    return _rounded({"pair": unit.index, "seed": unit.seed, "distances": distances, "methods": found})


def _rounded(value: Any) -> Any:
    """All floats to seven significant digits: what float32 holds, in half the space."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return float(f"{value:.7g}") if isinstance(value, float) else value


def frames_folder(out: Path, pair: int, seed: int) -> Path:
    return out / "frames" / f"pair{pair:04}-seed{seed}"


def _measure_way(walked: Walk, name: str, metrics: Iterable[str], grounds: Mapping[str, GroundMetric]) -> dict:
    path, frames, times = walked.paths[name], walked.frames[name], walked.times[name]
    coupling = getattr(path, "coupling", None)
    perceived = {}
    for metric in metrics:
        steps, end_to_end = measure_steps(frames, metric)
        perceived[metric] = {"steps": steps.tolist()} | asdict(measure_smoothness(steps, end_to_end))
    clouds = [path(t) for t in times]
    in_w2 = path.length_in == W2
    return {
        "t": times,
        "length": transport_cost(path.start, path.end, coupling) if coupling and in_w2 else None,
        "share_moved": coupling.share_moved if coupling else None,
        "endpoint_error": int(np.abs(frames[-1].astype(int) - walked.image_b.astype(int)).max()),
        "lengths": {
            name: _steps(clouds, partial(wasserstein, ground=ground)) if in_w2 else None
            for name, ground in grounds.items()
        }
        | {
            "frobenius": _steps(clouds, rms_frobenius) if _are_matrices(clouds) else None,
        },
        "perceived": perceived,
    }


def _are_matrices(clouds: Sequence[PointCloud]) -> bool:
    return all(len(cloud) == len(clouds[0]) and cloud.is_uniform for cloud in clouds)


def _steps(clouds: Sequence[PointCloud], distance: Callable[[PointCloud, PointCloud], float]) -> list[float] | None:
    if max(map(len, clouds)) > LARGEST_CLOUD:
        return None
    return [distance(a, b) for a, b in pairwise(clouds)]


def append_records(out: Path, records: Iterable[dict]) -> None:
    """Each record as a line that is on the disk before the next one is begun."""
    path = out / "records.jsonl"
    for record in records:
        with writing(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())


def read_records(out: Path) -> Iterator[dict]:
    """The finished (pair, seed). A last line that a kill cut short is taken away, to be done again.

    Raises:
        UserError: any other line that is damaged.
    """
    path = out / "records.jsonl"
    if not path.is_file():
        return
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with writing(path), path.open("r+b") as file:
            file.truncate(len(whole))
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise UserError(f"line {number} of {str(path)!r} is damaged; remove that line") from error


def read_results(out: Path) -> pd.DataFrame:
    """One row for each (pair, seed, method): prompts, score, distances of the prompts, and measures under each metric.

    Columns of measures are called ``ppl_efficientnet``; those of the method's own geometry ``length``,
    ``share_moved``, and ``path_wasserstein`` and so on: the sum over its steps, where the path has a length there.
    """
    study = read_study(out)
    rows = []
    for record in read_records(out):
        pair = PromptPair(**study["pairs"][record["pair"]])
        for name, way in record["methods"].items():
            row = {"pair": record["pair"], "seed": record["seed"], "method": name}
            row |= asdict(pair) | {"stratum": pair.stratum} | record["distances"]
            row |= {key: way[key] for key in ("share_moved", "endpoint_error")}
            row["length"] = way["length"] if _has_w2_length(name) else None
            row |= {f"path_{key}": sum(steps) if steps else None for key, steps in _lengths(name, way).items()}
            for metric, perceived in way["perceived"].items():
                row |= {f"{measure}_{metric}": perceived[measure] for measure in MEASURES}
            rows.append(row)
    return pd.DataFrame(rows)


def _has_w2_length(method: str) -> bool:
    return PATHS[find_method(find_way(method).method).path].length_in == W2


def _lengths(method: str, record: Mapping[str, Any]) -> dict[str, list[float] | None]:
    """The steps in each geometry; none in W_2 where the path has no length in it, whatever older records hold."""
    unbounded = () if _has_w2_length(method) else ("wasserstein", "pull_back")
    return {key: None if key in unbounded else steps for key, steps in record["lengths"].items()}


def read_steps(out: Path) -> pd.DataFrame:
    """One row for each step of each way: (pair, seed, method, step), its geometric lengths and its perceived ones."""
    rows = []
    for record in read_records(out):
        for name, way in record["methods"].items():
            lengths = _lengths(name, way)
            columns = {key: steps for key, steps in lengths.items() if steps and len(steps) == len(way["t"]) - 1}
            columns |= {metric: perceived["steps"] for metric, perceived in way["perceived"].items()}
            where = {"pair": record["pair"], "seed": record["seed"], "method": name}
            rows += [
                where | {"step": index} | {key: values[index] for key, values in columns.items()}
                for index in range(len(way["t"]) - 1)
            ]
    return pd.DataFrame(rows)
