"""A set of prompts → a map: one point for each, near in W_2 and near on the plane as far as a plane can."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from whichway.analysis.prompts.encoding import encode_all
from whichway.analysis.errors import UserError, writing
from whichway.analysis.runs.frames import FrameRenderer, FrameStore, Name
from whichway.analysis.models.model import MINIATURE, Model, load_model
from whichway.analysis.clouds.projection import (
    ALL_PAIRS,
    MAPPED_NEIGHBOURS,
    PROJECTIONS,
    VIEWS,
    Projection,
    find_neighbours,
    project,
    project_neighbours,
)
from whichway.analysis.clouds.clusters import cluster_neighbours
from whichway.analysis.images.rendering import Sampling
from whichway.analysis.runs.folder import frame_identity, open_run, run_name, write_json
from whichway.geometry import CloudStack, PointCloud

MOST_CLUSTERS = 11  # colours that can be told apart


@dataclass(frozen=True)
class MapSettings:
    """What a map depends on besides its prompts.

    Attributes:
        images: whether each prompt's image is drawn at its place.
        clusters: how many groups of prompts near in W_2 are coloured; 0: none.

    Raises:
        UserError: fewer than 3 prompts, or a setting that makes no sense, with what would.
    """

    prompts: tuple[str, ...]
    projection: str = "umap"
    view: str = "wasserstein"
    images: bool = True
    clusters: int = 0
    seed: int = 0
    steps: int = 20
    guidance: float = 3.0
    model: str = MINIATURE
    device: str = "auto"

    def __post_init__(self) -> None:
        least = 5 if self.projection == "umap" else 3
        if len(self.prompts) < least:
            raise UserError(f"prompts: wanted at least {least} different ones, got {len(self.prompts)}")
        most = min(MOST_CLUSTERS, len(self.prompts) - 1)
        if self.clusters and not 2 <= self.clusters <= most:
            raise UserError(f"clusters: wanted 2 to {most}, or 0 for none, got {self.clusters}")
        for name, known in (("projection", PROJECTIONS), ("view", VIEWS)):
            if getattr(self, name) not in known:
                raise UserError(f"{name}: unknown {getattr(self, name)!r}; known: {', '.join(known)}")


def read_prompts(path: Path) -> tuple[str, ...]:
    """One prompt a line, empty lines and repetitions left out.

    Raises:
        UserError: the file cannot be read, or is not UTF-8.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{str(path)!r} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    return tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))


def draw_prompt_map(
    settings: MapSettings,
    *,
    out: Path | None = None,
    model: Model | None = None,
    dask: str | None = None,
    report: Callable[[str], object] = lambda line: None,
) -> Path:
    """Encode, project, render, draw; returns the picture. ``map.json`` beside it holds points and distortion.

    Args:
        dask: address of a running Dask scheduler that finds the neighbours of more than 300 prompts.

    Raises:
        UserError: the folder cannot be written or holds another run; a model that cannot be loaded.
    """
    model = model or load_model(settings.model, device=settings.device)
    sampling = Sampling(settings.seed, settings.steps, settings.guidance)
    identity = frame_identity(model, sampling, prompts=list(settings.prompts))
    choices = {"projection": settings.projection, "view": settings.view, "clusters": settings.clusters}
    folder = out or Path("runs") / run_name([settings.prompts[0], "map"], identity | choices)
    open_run(folder, asdict(settings), model, identity)
    clouds = list(encode_all(model, settings.prompts))
    projection = _project(settings, clouds, dask)
    if projection.neighbours:
        report(f"{MAPPED_NEIGHBOURS} neighbours each: {projection.neighbours.share_solved:.0%} of the pairs solved")
    clusters = _clusters(settings, clouds, projection)
    write_json(
        folder / "map.json",
        choices
        | {"stress": projection.stress, "trustworthiness": projection.trustworthiness, "sampled": projection.sampled}
        | {"points": dict(zip(settings.prompts, projection.points.tolist(), strict=True))}
        | ({} if clusters is None else {"cluster_of": dict(zip(settings.prompts, clusters.tolist(), strict=True))}),
    )
    images = _images(model, sampling, clouds, folder, report) if settings.images else None
    from whichway.analysis.pictures.prompt_map import draw_map

    picture = folder / "map.png"
    with writing(picture):
        draw_map(projection, settings.prompts, images, clusters).savefig(picture)
    return picture


def _project(settings: MapSettings, clouds: Sequence[PointCloud], dask: str | None) -> Projection:
    if dask and settings.projection == "umap" and settings.view == "wasserstein" and len(clouds) > ALL_PAIRS:
        from whichway.analysis.study.cluster import neighbours_of_cluster

        found = neighbours_of_cluster(dask, CloudStack.of(clouds), MAPPED_NEIGHBOURS)
        return project_neighbours(clouds, found, seed=settings.seed)
    return project(clouds, settings.view, method=settings.projection, seed=settings.seed)


def _clusters(settings: MapSettings, clouds: Sequence[PointCloud], projection: Projection) -> np.ndarray | None:
    if not settings.clusters:
        return None
    neighbours = projection.neighbours or find_neighbours(CloudStack.of(clouds))
    return cluster_neighbours(neighbours, settings.clusters, seed=settings.seed)


def _images(
    model: Model, sampling: Sampling, clouds: Sequence[PointCloud], folder: Path, report: Callable[[str], object]
) -> np.ndarray:
    store = FrameStore(folder / "frames")
    names = [f"prompt{index:04}" for index in range(len(clouds))]
    wanted: dict[Name, PointCloud] = {(name, None): cloud for name, cloud in zip(names, clouds, strict=True)}
    FrameRenderer(model, sampling, store, report).render(wanted)
    return np.stack([store.read(store.path(name)) for name in names])
