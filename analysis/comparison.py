"""One comparison of the ways from prompt A to prompt B: a run in a folder, resumable, from encoding to pictures."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from analysis.cross_attention_metric import cross_attention_metric
from analysis.encoding import encode
from analysis.errors import UserError
from analysis.frames import FrameRenderer, FrameStore, Name
from analysis.model import MINIATURE, Model, load_model
from analysis.perception import PERCEPTIONS, perceptual_distance, require_available
from analysis.perceptual_parametrisation import perceptually_uniform_times
from analysis.precision import same_image_tolerance
from analysis.projection import PROJECTIONS
from analysis.rendering import Sampling
from analysis.run_folder import frame_identity, open_run, run_name, write_json
from analysis.smoothness import Smoothness, measure_smoothness
from geometry import (
    EUCLIDEAN,
    METHODS,
    TOKENS,
    Cosine,
    GroundMetric,
    PointCloud,
    build_path,
    centroid_distance,
    constant_speed_times,
    find_method,
    optimal_coupling,
    rms_frobenius,
    transport_cost,
    uniform_times,
    wasserstein,
)
from geometry.path import Path as CloudPath

#: ground metric by which rows are matched → what it is
GROUNDS = {
    "euclidean": "‖x − y‖",
    "cosine": "the chord between the rows' directions",
    "cross-attention": "how different the denoiser's keys and values are",
}
PARAMETRISATIONS = {
    "uniform": "evenly in t",
    "constant-speed": "evenly in W_2 along the path",
    "perceptual": "until consecutive frames look equally far apart",
}
CHOICES: dict[str, Mapping[str, object]] = {
    "ground": GROUNDS,
    "tokens": TOKENS,
    "parametrisation": PARAMETRISATIONS,
    "metric": PERCEPTIONS,
    "projection": PROJECTIONS,
}


@dataclass(frozen=True)
class Settings:
    """Everything that a comparison depends on.

    Raises:
        UserError: a setting that makes no sense, with what would.
    """

    prompt_a: str
    prompt_b: str
    methods: tuple[str, ...] = ("identity", "random", "optimal", "slerp")
    ground: str = "euclidean"
    tokens: str = "all"
    parametrisation: str = "uniform"
    frames: int = 9
    seed: int = 0
    steps: int = 20
    guidance: float = 3.0
    model: str = MINIATURE
    metric: str = "efficientnet"
    projection: str = "pca"
    device: str = "auto"
    dtype: str = "auto"

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", tuple(dict.fromkeys(self.methods)))
        if not self.methods:
            raise UserError(f"methods: none given; known: {', '.join(METHODS)}, or coupling+path")
        for name in self.methods:
            try:
                find_method(name)
            except ValueError as error:
                raise UserError(f"methods: {error}") from error
        for setting, known in CHOICES.items():
            if getattr(self, setting) not in known:
                raise UserError(f"{setting}: unknown {getattr(self, setting)!r}; known: {', '.join(known)}")
        for name, value, least in (("frames", self.frames, 2), ("seed", self.seed, 0), ("steps", self.steps, 1)):
            if not least <= value < 2**63:
                raise UserError(f"{name}: wanted at least {least} (and below 2^63), got {value}")
        if not (np.isfinite(self.guidance) and self.guidance >= 0):
            raise UserError(f"guidance: wanted a finite number of at least 0, got {self.guidance}")

    @property
    def sampling(self) -> Sampling:
        return Sampling(seed=self.seed, steps=self.steps, guidance=self.guidance)


@dataclass(frozen=True)
class MethodResult:
    """What one method did. ``steps`` are perceptual distances between consecutive frames, at ``t``.

    ``length`` is the root mean square distance that rows travel (None for paths without a coupling), ``share_moved``
    the share of rows that change their index, ``endpoint_error`` the largest difference, in levels of 255, between
    the last frame and the image of prompt B itself (see :func:`analysis.precision.same_image_tolerance`).
    """

    t: list[float]
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
    prompts = {"prompt_a": settings.prompt_a, "prompt_b": settings.prompt_b}
    identity = frame_identity(model, settings.sampling, **prompts, ground=settings.ground, tokens=settings.tokens)
    names = ("methods", "frames", "metric", "parametrisation")
    key = identity | {name: getattr(settings, name) for name in names}
    folder = out or Path("runs") / run_name(list(prompts.values()), key)
    open_run(folder, asdict(settings), model, identity)

    start, end = encode(model, settings.prompt_a), encode(model, settings.prompt_b)
    ground = find_ground(settings.ground, model)
    paths = _build_paths(settings, start, end, ground)
    renderer = FrameRenderer(model, settings.sampling, FrameStore(folder / "frames"), report)
    times = _choose_times(settings, paths, ground, renderer)
    wanted: dict[Name, PointCloud] = {("prompts", 0.0): start, ("prompts", 1.0): end}
    renderer.render(wanted | {(name, t): path(t) for name, path in paths.items() for t in times[name]})

    frames = {name: renderer.read(name, times[name]) for name in settings.methods}
    image_b = renderer.read("prompts", [1.0])[0]
    report(f"measuring with {settings.metric}")
    results = {
        name: _measure(settings, paths[name], times[name], frames[name], image_b, ground) for name in settings.methods
    }
    distances = measure_distances(start, end)
    tolerance = same_image_tolerance(model.dtype, settings.steps)
    write_json(
        folder / "metrics.json",
        {
            "distances": distances,
            "metric": settings.metric,
            "endpoint_tolerance": tolerance,
            "methods": {name: asdict(result) for name, result in results.items()},
        },
    )
    report("drawing")
    from analysis.pictures import draw_all

    pictures = draw_all(folder, settings, (start, end), paths, frames, results, times)
    return Comparison(folder, settings, distances, results, tolerance, renderer.rendered, renderer.reused, pictures)


def find_ground(name: str, model: Model) -> GroundMetric:
    """The ground metric called ``name`` (:data:`GROUNDS`); cross-attention is that of ``model``."""
    if name == "cross-attention":
        return cross_attention_metric(model)
    return Cosine() if name == "cosine" else EUCLIDEAN


def _build_paths(settings: Settings, start: PointCloud, end: PointCloud, ground: GroundMetric) -> dict[str, CloudPath]:
    """The paths of all methods.

    Raises:
        UserError: a method that cannot join these clouds.
    """
    paths = {}
    for name in settings.methods:
        try:
            paths[name] = build_path(name, start, end, seed=settings.seed, ground=ground, tokens=settings.tokens)
        except (ValueError, RuntimeError) as error:
            raise UserError(f"method {name!r}: {error}") from error
    return paths


def _choose_times(
    settings: Settings, paths: dict[str, CloudPath], ground: GroundMetric, renderer: FrameRenderer
) -> dict[str, list[float]]:
    """When along each path its frames are taken, to the six digits that name a frame."""
    if settings.parametrisation == "uniform":
        return dict.fromkeys(paths, uniform_times(settings.frames))
    if settings.parametrisation == "constant-speed":
        found = {name: constant_speed_times(path, settings.frames, ground=ground) for name, path in paths.items()}
        return {name: [round(t, 6) for t in times] for name, times in found.items()}

    def images_of(name: str, path: CloudPath) -> Callable[[list[float]], np.ndarray]:
        def images(times: list[float]) -> np.ndarray:
            renderer.render({(name, t): path(t) for t in times})
            return renderer.read(name, times)

        return images

    distance = partial(perceptual_distance, settings.metric)
    return {
        name: perceptually_uniform_times(images_of(name, path), distance, settings.frames)
        for name, path in paths.items()
    }


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


def _measure(
    settings: Settings,
    path: CloudPath,
    times: list[float],
    frames: np.ndarray,
    image_b: np.ndarray,
    ground: GroundMetric,
) -> MethodResult:
    steps = perceptual_distance(settings.metric, frames[:-1], frames[1:])
    end_to_end = float(perceptual_distance(settings.metric, frames[:1], frames[-1:])[0])
    coupling = getattr(path, "coupling", None)
    return MethodResult(
        t=times,
        steps=steps.tolist(),
        smoothness=measure_smoothness(steps, end_to_end),
        length=transport_cost(path.start, path.end, coupling, ground=ground) if coupling else None,
        share_moved=coupling.share_moved if coupling else None,
        endpoint_error=int(np.abs(frames[-1].astype(int) - image_b.astype(int)).max()),
    )
