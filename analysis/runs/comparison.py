"""One comparison of the ways from prompt A to prompt B: a run in a folder, resumable, from encoding to pictures."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from whichway.analysis.clouds.cloud_file import read_clouds, write_clouds
from whichway.analysis.prompts.encoding import encode
from whichway.analysis.errors import UserError
from whichway.analysis.runs.frames import FrameRenderer, FrameStore
from whichway.analysis.models.model import MINIATURE, SAMPLERS, Model, load_model
from whichway.analysis.smoothness.perceptual_distance import PERCEPTIONS, require_available
from whichway.analysis.models.dtypes import same_image_tolerance
from whichway.analysis.clouds.projection import PROJECTIONS
from whichway.analysis.images.rendering import Sampling
from whichway.analysis.runs.folder import frame_identity, open_run, read_run, run_name, write_json
from whichway.analysis.smoothness.measures import Smoothness
from whichway.analysis.runs.walk import MethodResult, Walk, build_way_path, measure, walk
from whichway.analysis.paths.way import CHOICES, Way, find_way
from whichway.geometry import METHODS, PointCloud, centroid_distance, optimal_coupling, rms_frobenius, wasserstein

#: setting → what it may be
KNOWN: Mapping[str, Mapping[str, object]] = {
    **CHOICES,
    "metric": PERCEPTIONS,
    "projection": PROJECTIONS,
    "sampler": SAMPLERS,
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
    sampler: str = "own"
    metric: str = "efficientnet"
    projection: str = "pca"
    device: str = "auto"
    dtype: str = "auto"
    compiled: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", tuple(dict.fromkeys(self.methods)))
        if not self.methods:
            raise UserError(f"methods: none given; known: {', '.join(METHODS)}, or coupling+path")
        for setting, known in KNOWN.items():
            if getattr(self, setting) not in known:
                raise UserError(f"{setting}: unknown {getattr(self, setting)!r}; known: {', '.join(known)}")
        for name in self.methods:
            find_way(name)
        for name, value, least in (("frames", self.frames, 2), ("seed", self.seed, 0), ("steps", self.steps, 1)):
            if not least <= value < 2**63:
                raise UserError(f"{name}: wanted at least {least} (and below 2^63), got {value}")
        if not (np.isfinite(self.guidance) and self.guidance >= 0):
            raise UserError(f"guidance: wanted a finite number of at least 0, got {self.guidance}")

    def load_model(self) -> Model:
        """The model that the settings name, as they want it.

        Raises:
            UserError: as :func:`whichway.analysis.models.model.load_model`.
        """
        return load_model(
            self.model, device=self.device, dtype=self.dtype, sampler=self.sampler, compiled=self.compiled
        )

    @property
    def sampling(self) -> Sampling:
        return Sampling(seed=self.seed, steps=self.steps, guidance=self.guidance)

    @property
    def ways(self) -> dict[str, Way]:
        default = Way("optimal", self.ground, self.tokens, self.parametrisation)
        return {name: find_way(name, default) for name in self.methods}


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
    model = model or settings.load_model()
    prompts = {"prompt_a": settings.prompt_a, "prompt_b": settings.prompt_b}
    identity = frame_identity(model, settings.sampling, **prompts, ground=settings.ground, tokens=settings.tokens)
    names = ("methods", "frames", "metric", "parametrisation")
    key = identity | {name: getattr(settings, name) for name in names}
    folder = out or Path("runs") / run_name(list(prompts.values()), key)
    open_run(folder, asdict(settings), model, identity)

    start, end = encode(model, settings.prompt_a), encode(model, settings.prompt_b)
    write_clouds(folder / "clouds.safetensors", {"A": start, "B": end})
    renderer = FrameRenderer(model, settings.sampling, FrameStore(folder / "frames"), report)
    ways = settings.ways
    walked = walk(renderer, (start, end), ways, frames=settings.frames, metric=settings.metric, seed=settings.seed)
    report(f"measuring with {settings.metric}")
    results = measure(walked, ways, settings.metric, model)
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
    from whichway.analysis.pictures import draw_all

    pictures = draw_all(folder, settings, (start, end), walked, results)
    return Comparison(folder, settings, distances, results, tolerance, renderer.rendered, renderer.reused, pictures)


@dataclass(frozen=True)
class SavedComparison:
    """A comparison as its folder holds it: enough to draw it again, and to walk its paths without the model."""

    settings: Settings
    ends: tuple[PointCloud, PointCloud]
    walk: Walk
    results: dict[str, MethodResult]

    @property
    def clouds(self) -> dict[str, list[PointCloud]]:
        """Method → its frames' clouds."""
        return {name: [path(t) for t in self.walk.times[name]] for name, path in self.walk.paths.items()}


def read_comparison(folder: Path) -> SavedComparison:
    """The finished comparison in ``folder``.

    Raises:
        UserError: none there, a damaged one, or one whose rows were matched by the model (cross-attention).
    """
    manifest, clouds = read_run(folder), read_clouds(folder / "clouds.safetensors")
    try:
        said = manifest["settings"]
        settings = Settings(**said | {"methods": tuple(said["methods"])})
        ends, ways = (clouds["A"], clouds["B"]), settings.ways
        measured = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["methods"]
        results = {
            name: MethodResult(**of_method | {"smoothness": Smoothness(**of_method["smoothness"])})
            for name, of_method in measured.items()
        }
        store = FrameStore(folder / "frames")
        frames = {name: store.read_strip(name, result.t) for name, result in results.items()}
        image_b = store.read(store.path("prompts", 1.0))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{str(folder)!r} holds no finished comparison, or a damaged one") from error
    paths = {name: build_way_path(name, ways[name], None, ends, settings.seed) for name in results}
    times = {name: result.t for name, result in results.items()}
    return SavedComparison(settings, ends, Walk(paths, times, frames, image_b), results)


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
