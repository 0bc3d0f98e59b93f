"""A set of prompts → a map: one point for each, near in W_2 and near on the plane as far as a plane can.

A map for each part of the conditioning: what is near for one encoder need not be near for another.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from whichway.analysis.clouds.cloud_store import store_clouds
from whichway.analysis.clouds.clusters import cluster_neighbours
from whichway.analysis.clouds.kept_neighbours import find_kept_neighbours
from whichway.analysis.clouds.map_memory import require_memory_for_map
from whichway.analysis.clouds.parts import ALL, choose_parts, file_of_part, parts_of
from whichway.analysis.clouds.projection import (
    MAPPED_NEIGHBOURS,
    Projection,
    neighbours_of,
    project,
    project_neighbours,
    takes_neighbours,
)
from whichway.analysis.errors import UserError, require_known
from whichway.analysis.families import Conditioning
from whichway.analysis.files import read_json, write_json, written_whole
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.model import Model
from whichway.analysis.models.with_model import with_model
from whichway.analysis.runs.frame_index import FrameName
from whichway.analysis.runs.frame_recipe import FrameRecipe
from whichway.analysis.runs.photographs import invert_photographs
from whichway.analysis.runs.run import Run, open_run, run_name
from whichway.analysis.vocabulary import FEWEST_FOR_UMAP, PROJECTIONS, VIEWS
from whichway.geometry import CloudStack, Neighbours, PointCloud
from whichway.geometry.cloud_stack import is_stackable

KIND = "map"
MOST_CLUSTERS = 11  # colours that can be told apart


@dataclass(frozen=True)
class MapSettings:
    """What a map depends on besides its prompts.

    Attributes:
        images: whether each prompt's image is drawn at its place.
        parts: of the conditioning, of which to draw a map each; "all".
        clusters: how many groups of prompts near in W_2 are coloured; 0: none.
        sampling: its seed is also that of the projection and of the groups.

    Raises:
        UserError: fewer than 3 prompts, or a setting that makes no sense, with what would.
    """

    prompts: tuple[str, ...]
    projection: str = "umap"
    view: str = "wasserstein"
    images: bool = True
    clusters: int = 0
    parts: tuple[str, ...] = (ALL,)
    model: ModelChoice = ModelChoice()
    sampling: Sampling = Sampling()

    def __post_init__(self) -> None:
        least = FEWEST_FOR_UMAP if self.projection == "umap" else 3
        if len(self.prompts) < least:
            raise UserError(f"prompts: wanted at least {least} different ones, got {len(self.prompts)}")
        most = min(MOST_CLUSTERS, len(self.prompts) - 1)
        if self.clusters and not 2 <= self.clusters <= most:
            raise UserError(f"clusters: wanted 2 to {most}, or 0 for none, got {self.clusters}")
        require_known("projection", self.projection, PROJECTIONS)
        require_known("view", self.view, VIEWS)


def draw_prompt_map(
    settings: MapSettings,
    *,
    out: Path | None = None,
    model: Model | None = None,
    store: Path | None = None,
    store_dtype: str = "float32",
    dask: str | None = None,
    report: Callable[[str], object] = lambda line: None,
) -> list[Path]:
    """Encode, project, render, draw; returns the pictures. ``map.json`` beside ``map.png`` holds points and distortion.

    Where a text has several parts, each has a map with its name: ``map-t5.png``, ``map-pooled.png``.

    Args:
        store: folder that keeps the encoded prompts, instead of memory; ``store_dtype``, in which floats.
        dask: address of a running Dask scheduler that finds the neighbours of more than 300 prompts.

    Raises:
        UserError: what :func:`~whichway.analysis.runs.run.open_run` refuses; a model that cannot be loaded; a part that
            its texts do not have.
    """
    if store and settings.images:
        raise UserError("store: images are rendered from whole conditionings, in memory; wanted --no-images")
    settings, model = with_model(settings, model, report)
    invert_photographs(model, settings.prompts, settings.sampling, report)
    choices = {"projection": settings.projection, "view": settings.view, "clusters": settings.clusters}
    identity = {"prompts": settings.prompts} | asdict(settings.sampling) | model.identity
    folder = out or Path("runs") / run_name([settings.prompts[0], "map"], identity, choices)
    with open_run(folder, KIND, identity=identity, settings=asdict(settings), model=model, report=report) as run:
        first = model.encode([settings.prompts[0]])[0]
        parts = choose_parts(settings.parts, first)
        _require_memory(settings, model, [parts_of(first)[part] for part in parts], stored=store is not None)
        conditionings = [] if store else list(model.encode_each(settings.prompts))
        if store:
            stored = store_clouds(model, settings.prompts, store, parts=parts, dtype=store_dtype, report=report).clouds
        projections, kept = {}, store or folder
        for part in parts:
            clouds = stored[part] if store else [parts_of(conditioning)[part] for conditioning in conditionings]
            try:
                neighbours = _neighbours(settings, clouds, file_of_part(kept / "neighbours.npy", part, first), dask)
                projection = _project(settings, clouds, neighbours)
                clusters = _clusters(settings, clouds, projection)
            except ValueError as error:
                raise UserError(f"map of {part}: {error}") from error
            if projection.neighbours:
                solved = projection.neighbours.share_solved
                report(f"{MAPPED_NEIGHBOURS} neighbours each: {100 * solved:.3g} % of the pairs solved")
            description = choices | _describe(settings.prompts, projection, clusters)
            write_json(file_of_part(folder / "map.json", part, first), description)
            projections[part] = projection, clusters
        images = _images(run, settings.sampling, settings.prompts, conditionings) if settings.images else None
        from whichway.analysis.pictures.prompt_map import draw_map

        pictures = []
        for part, (projection, clusters) in projections.items():
            picture = file_of_part(folder / "map.png", part, first)
            title = part if picture.stem != "map" else ""
            with written_whole(picture) as aside:
                draw_map(projection, settings.prompts, images, clusters, part=title).savefig(aside)
            pictures.append(picture)
    return pictures


def _describe(prompts: Sequence[str], projection: Projection, clusters: np.ndarray | None) -> dict[str, Any]:
    content: dict[str, Any] = {
        "stress": projection.stress,
        "trustworthiness": projection.trustworthiness,
        "sampled": projection.sampled,
        "axes": projection.axes,
        "points": dict(zip(prompts, projection.points.tolist(), strict=True)),
    }
    if clusters is not None:
        content["cluster_of"] = dict(zip(prompts, clusters.tolist(), strict=True))
    return content


def _require_memory(settings: MapSettings, model: Model, clouds: Sequence[PointCloud], *, stored: bool) -> None:
    """Before it is taken; raises a UserError."""
    sampling = settings.sampling.resolved(model.defaults)
    size = (sampling.height, sampling.width) if settings.images else None
    shapes = [(len(cloud), cloud.dimension) for cloud in clouds]
    require_memory_for_map(
        len(settings.prompts),
        shapes,
        view=settings.view,
        projection=settings.projection,
        stored=stored,
        image_size=size,
    )


def _neighbours(settings: MapSettings, clouds: Sequence[PointCloud], file: Path, dask: str | None) -> Neighbours | None:
    """Of many clouds, kept in ``file`` as they are found; of few, whose every pair is solved, none."""
    if not takes_neighbours(len(clouds), settings.view, settings.projection) or not is_stackable(clouds):
        return None
    return find_kept_neighbours(CloudStack.of(clouds), min(MAPPED_NEIGHBOURS, len(clouds) - 1), file, dask=dask)


def _project(settings: MapSettings, clouds: Sequence[PointCloud], neighbours: Neighbours | None) -> Projection:
    if neighbours:
        return project_neighbours(CloudStack.of(clouds), neighbours, seed=settings.sampling.seed)
    return project(clouds, settings.view, method=settings.projection, seed=settings.sampling.seed)


def _clusters(settings: MapSettings, clouds: Sequence[PointCloud], projection: Projection) -> np.ndarray | None:
    if not settings.clusters:
        return None
    neighbours = projection.neighbours or neighbours_of(clouds)
    return cluster_neighbours(neighbours, settings.clusters, seed=settings.sampling.seed)


def _images(run: Run, sampling: Sampling, prompts: Sequence[str], conditionings: Sequence[Conditioning]) -> np.ndarray:
    names = [f"prompt{index:04}" for index in range(len(conditionings))]
    recipes = {name: FrameRecipe((prompt,)) for name, prompt in zip(names, prompts, strict=True)}
    renderer = run.renderer(sampling, lambda name: recipes[name[0]])
    requested: dict[FrameName, Conditioning] = {
        (name, None): conditioning for name, conditioning in zip(names, conditionings, strict=True)
    }
    renderer.render(requested)
    return np.concatenate([renderer.strip(name, [None]) for name in names])


def read_map(file: Path) -> tuple[Projection, list[str], np.ndarray | None]:
    """Projection, prompts and clusters of a ``map.json``.

    Raises:
        UserError: there is none, or it is damaged.
    """
    try:
        content = read_json(file)
        prompts = list(content["points"])
        points = np.array(list(content["points"].values()), float).reshape(len(prompts), 2)
        first, second = content["axes"]
        groups = content.get("cluster_of")
        clusters = None if groups is None else np.array([int(groups[prompt]) for prompt in prompts])
        projection = Projection(
            points, (first, second), content["stress"], content["trustworthiness"], content["sampled"]
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{str(file)!r} is no map.json of 'whichway map', or damaged") from error
    return projection, prompts, clusters
