"""The front door: two conditionings and a model → the geodesic between them."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from tqdm.auto import tqdm

from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.geodesics.descent import Geometry, Search, descend
from whichway.analysis.geodesics.encoder_prior import encoder_priors
from whichway.analysis.geodesics.settings import MOST_NODES, GeodesicSettings
from whichway.analysis.geodesics.string import CloudString, solved
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import Model
from whichway.analysis.paths.chosen_method import choose_method
from whichway.analysis.paths.conditioning_path import ConditioningPath, join
from whichway.analysis.vocabulary import PERCEPTUAL_DISTANCE
from whichway.geometry import PointCloud


def find_geodesic(
    model: Model,
    start: Conditioning,
    end: Conditioning,
    sampling: Sampling = Sampling(),
    *,
    method: str = "geodesic",
    distance: str = PERCEPTUAL_DISTANCE,
    settings: GeodesicSettings = GeodesicSettings(),
    progress: bool = True,
) -> tuple[ConditioningPath, Search]:
    """The path from ``start`` to ``end`` whose images have the least energy, and how it was found.

    Args:
        method: "geodesic", from the optimal path; "identity+geodesic", "geodesic-mixture": from others. After an @:
            what is free to move ("rows", "weights", "both"), "unpenalised".
        distance: a perceptual distance with a gradient: "lpips" or "efficientnet".

    Raises:
        UserError: another method, a distance without a gradient, or what
            :func:`~whichway.analysis.images.differentiable_rendering.render_differentiably` refuses.
    """
    chosen = choose_method(method)
    if not chosen.is_geodesic:
        raise UserError(f"method: wanted a geodesic, got {method!r}")
    if chosen.penalty == "unpenalised":
        settings = replace(settings, penalty=0.0)
    path = join(method, chosen, start, end, model=model)
    geometry = Geometry(model, sampling, distance, chosen.free, encoder_priors(model))
    search = Search.along(path, settings.count(MOST_NODES))
    follow(path, geometry, settings, search, progress=progress)
    return solved(path, nodes_of(search.best)), search


def follow(
    path: ConditioningPath,
    geometry: Geometry,
    settings: GeodesicSettings,
    search: Search,
    *,
    progress: bool,
    after_each: Callable[[Search], object] = lambda search: None,
) -> None:
    """:func:`~whichway.analysis.geodesics.descent.descend` with a progress bar that shows the energy."""
    begun = len(search.energies)
    with tqdm(total=settings.iterations + 1, initial=begun, desc="geodesic", disable=not progress) as bar:

        def show(search: Search) -> None:
            bar.update()
            energy = search.energies[search.best_index]
            bar.set_postfix_str(f"energy {energy:.4g}, {energy / (search.energies[0] or 1):.0%} of the initial path's")
            after_each(search)

        descend(path, geometry, settings, search, after_each=show)


def nodes_of(strings: Mapping[str, CloudString]) -> dict[str, list[PointCloud]]:
    """Encoder → the clouds in between, as float32."""
    return {
        name: [PointCloud(cloud.rows.float(), cloud.weights.to(torch.float32)) for cloud in string.clouds()]
        for name, string in strings.items()
    }
