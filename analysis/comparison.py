"""One comparison of the ways from prompt A to prompt B: a run in a folder, resumable, from encoding to pictures."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from analysis.encoding import encode
from analysis.errors import UserError
from analysis.frames import FrameStore
from analysis.model import MINIATURE, Model, load_model
from analysis.perception import PERCEPTIONS, perceptual_distance, require_available
from analysis.precision import same_image_tolerance
from analysis.rendering import Sampling, render_each
from analysis.run_folder import frame_identity, open_run, run_name, write_json
from analysis.smoothness import Smoothness, measure_smoothness
from geometry import (
    METHODS,
    DisplacementPath,
    PointCloud,
    build_path,
    centroid_distance,
    optimal_coupling,
    rms_frobenius,
    wasserstein,
)
from geometry.distance import transport_cost
from geometry.path import Path as CloudPath


@dataclass(frozen=True)
class Settings:
    """Everything that a comparison depends on.

    Raises:
        UserError: a setting that makes no sense, with what would.
    """

    prompt_a: str
    prompt_b: str
    methods: tuple[str, ...] = tuple(METHODS)
    frames: int = 9
    seed: int = 0
    steps: int = 20
    guidance: float = 3.0
    model: str = MINIATURE
    metric: str = "efficientnet"
    device: str = "auto"
    dtype: str = "auto"

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", tuple(dict.fromkeys(self.methods)))
        unknown = [name for name in self.methods if name not in METHODS]
        if unknown or not self.methods:
            raise UserError(f"methods: unknown {', '.join(unknown) or '(none given)'}; known: {', '.join(METHODS)}")
        if self.metric not in PERCEPTIONS:
            raise UserError(f"metric: unknown {self.metric!r}; known: {', '.join(PERCEPTIONS)}")
        for name, value, least in (("frames", self.frames, 2), ("seed", self.seed, 0), ("steps", self.steps, 1)):
            if not least <= value < 2**63:
                raise UserError(f"{name}: wanted at least {least} (and below 2^63), got {value}")
        if not (np.isfinite(self.guidance) and self.guidance >= 0):
            raise UserError(f"guidance: wanted a finite number of at least 0, got {self.guidance}")

    @property
    def sampling(self) -> Sampling:
        return Sampling(seed=self.seed, steps=self.steps, guidance=self.guidance)

    @property
    def times(self) -> list[float]:
        return np.linspace(0, 1, self.frames).tolist()


@dataclass(frozen=True)
class MethodResult:
    """What one method did. ``steps`` are perceptual distances between consecutive frames.

    ``length`` is the root mean square distance that rows travel (None for paths without a coupling), ``share_moved``
    the share of rows that change their index, ``endpoint_error`` the largest difference, in levels of 255, between
    the last frame and the image of prompt B itself (see :func:`analysis.precision.same_image_tolerance`).
    """

    steps: list[float]
    smoothness: Smoothness
    length: float | None
    share_moved: float | None
    endpoint_error: int


@dataclass(frozen=True)
class Comparison:
    """A finished comparison: where it is, how far apart the prompts are, and what each method did."""

    folder: Path
    settings: Settings
    distances: dict[str, float]
    results: dict[str, MethodResult]
    endpoint_tolerance: int
    rendered: int
    reused: int
    pictures: list[Path]


def compare(
    settings: Settings,
    *,
    out: Path | None = None,
    model: Model | None = None,
    report: Callable[[str], object] = lambda line: None,
) -> Comparison:
    """Encode, build the paths, render what is missing, measure, draw; everything lands in one folder.

    Args:
        out: the run's folder; default ``runs/<prompts>-<hash of the settings>``. A folder that holds frames of other
            settings is refused.
        model: a loaded model, where the caller has one; default: loads ``settings.model``.
        report: told in one line what is going on.

    Raises:
        UserError: the folder cannot be written or holds another run; a model that cannot be loaded.
    """
    require_available(settings.metric)  # before an hour of rendering, not after it
    model = model or load_model(settings.model, device=settings.device, dtype=settings.dtype)
    identity = frame_identity(settings, model)
    folder = out or Path("runs") / run_name(settings, identity)
    open_run(folder, settings, model, identity)

    start, end = encode(model, settings.prompt_a), encode(model, settings.prompt_b)
    paths = {name: build_path(name, start, end, seed=settings.seed) for name in settings.methods}
    store = FrameStore(folder / "frames")
    wanted = {store.path("prompts", t): cloud for t, cloud in ((0.0, start), (1.0, end))}
    wanted |= {store.path(name, t): path(t) for name, path in paths.items() for t in settings.times}
    rendered, reused = _render_missing(model, settings.sampling, wanted, store, report)

    frames = {name: np.stack([store.read(store.path(name, t)) for t in settings.times]) for name in settings.methods}
    image_b = store.read(store.path("prompts", 1.0))
    report(f"measuring with {settings.metric}")
    results = {name: _measure(settings, paths[name], frames[name], image_b) for name in settings.methods}
    distances = measure_distances(start, end)
    tolerance = same_image_tolerance(model.dtype, settings.steps)
    write_json(
        folder / "metrics.json",
        {
            "distances": distances,
            "metric": settings.metric,
            "t": settings.times,
            "endpoint_tolerance": tolerance,
            "methods": {name: asdict(result) for name, result in results.items()},
        },
    )
    report("drawing")
    from analysis.pictures import draw_all

    pictures = draw_all(folder, settings, (start, end), paths, frames, results)
    return Comparison(folder, settings, distances, results, tolerance, rendered, reused, pictures)


def measure_distances(a: PointCloud, b: PointCloud) -> dict[str, float]:
    """Distances between two prompts, over all rows and over the prompts' own tokens.

    Most rows of a conditioning are padding that moves little, so the aggregate alone hides what the words do. Own
    tokens: the leading rows up to the longer prompt's end token, of both clouds.
    """
    own_rows = range(max(a.size, b.size))
    own_a, own_b = a.take(own_rows), b.take(own_rows)
    return {
        "rms_frobenius": rms_frobenius(a, b),
        "wasserstein": wasserstein(a, b),
        "centroid": centroid_distance(a, b),
        "rms_frobenius_own_tokens": rms_frobenius(own_a, own_b),
        "wasserstein_own_tokens": wasserstein(own_a, own_b),
        "share_moved": optimal_coupling(a, b).share_moved,
    }


def _measure(settings: Settings, path: CloudPath, frames: np.ndarray, image_b: np.ndarray) -> MethodResult:
    steps = perceptual_distance(settings.metric, frames[:-1], frames[1:])
    end_to_end = float(perceptual_distance(settings.metric, frames[:1], frames[-1:])[0])
    coupling = path.coupling if isinstance(path, DisplacementPath) else None
    return MethodResult(
        steps=steps.tolist(),
        smoothness=measure_smoothness(steps, end_to_end),
        length=transport_cost(path.start, path.end, coupling) if coupling else None,
        share_moved=coupling.share_moved if coupling else None,
        endpoint_error=int(np.abs(frames[-1].astype(int) - image_b.astype(int)).max()),
    )


def _render_missing(
    model: Model,
    sampling: Sampling,
    wanted: dict[Path, PointCloud],
    store: FrameStore,
    report: Callable[[str], object],
) -> tuple[int, int]:
    """Render the frames that are not on disk, the same cloud only once; returns how many were rendered and reused."""
    same: dict[bytes, list[Path]] = {}
    for path, cloud in wanted.items():
        same.setdefault(cloud.rows.numpy().tobytes() + cloud.weights.numpy().tobytes(), []).append(path)
    missing: list[tuple[PointCloud, list[Path]]] = []
    for paths in same.values():
        found = {path: store.find(path) for path in paths}
        absent = [path for path, picture in found.items() if picture is None]
        there = next((picture for picture in found.values() if picture is not None), None)
        if there is None:
            missing.append((wanted[paths[0]], absent))
        else:
            for path in absent:
                store.write(path, there)
    reused = len(same) - len(missing)
    report(f"frames: {len(same)} different ones, {reused} reused, {len(missing)} to render")
    pictures = render_each(model, [cloud for cloud, _ in missing], sampling)
    pairs = zip(missing, pictures, strict=True)
    for (_, paths), picture in tqdm(pairs, total=len(missing), desc="frames", unit="frame", disable=not missing):
        for path in paths:
            store.write(path, picture)
    return len(missing), reused
