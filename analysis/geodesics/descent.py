"""Two ends → the geodesic between them: the energy of the images is minimised over the clouds in between.

E = T·Σ_k D(I_k, I_k+1)², images I_k of the clouds, D a perceptual distance with a gradient. Its minimum is the shortest
path at constant speed: the geodesic of the metric that rendering pulls back from images (as Shao, Kumar and Fletcher
2018, arXiv:1711.08014, have it for generators). Each iteration moves the clouds against the part of the gradient that
is normal to the string, by Adam, and then along the string towards equal steps
(:mod:`whichway.analysis.geodesics.string`). Where four iterations in a row find nothing better, they went too far: the
search goes back to the best clouds, and on from there by half the step.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from whichway.analysis.errors import UserError
from whichway.analysis.geodesics.adam import Moments, adam_direction
from whichway.analysis.geodesics.encoder_prior import EncoderPrior
from whichway.analysis.geodesics.settings import PATIENCE, GeodesicSettings
from whichway.analysis.geodesics.string import (
    CloudString,
    conditionings,
    even_places,
    normal_part,
    tangents,
)
from whichway.analysis.images.differentiable_rendering import memory_in_one_line, render_differentiably
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.model import Model
from whichway.analysis.paths.conditioning_path import ConditioningPath
from whichway.analysis.smoothness.differentiable_distance import find_embedding, squared_steps

RESPACED = 0.3  # of the way to equal steps that the nodes go in one iteration
MOMENTS = (0.8, 0.95)  # of Adam: short memories for few iterations
SETTLING = 3  # iterations after which steps begin to shrink, like the root of their number
WORSE = 4  # iterations in a row without a new best, after which the search goes back


@dataclass
class Search:
    """A search as it stands: all that it takes to go on with it.

    Attributes:
        strings: encoder → its clouds now.
        best: encoder → the clouds with the least objective so far.
        moments: encoder → Adam's first and second moments of its gradient.
        energies, objectives, excesses: of each iteration's clouds: the energy, the energy over the initial one's plus
            the penalty, and the mean excess over the encoder's rows, before penalty.
    """

    strings: dict[str, CloudString]
    best: dict[str, CloudString]
    moments: dict[str, Moments] = field(default_factory=dict)
    energies: list[float] = field(default_factory=list)
    objectives: list[float] = field(default_factory=list)
    excesses: list[float] = field(default_factory=list)

    @classmethod
    def along(cls, path: ConditioningPath, nodes: int) -> "Search":
        strings = {name: CloudString.along(each, nodes) for name, each in path.clouds.items()}  # type: ignore[arg-type]
        return cls(strings, strings)

    @property
    def best_index(self) -> int:
        """The iteration that found :attr:`best`."""
        return min(range(len(self.objectives)), key=self.objectives.__getitem__)

    @property
    def returns(self) -> tuple[int, bool]:
        """How often the search went back to its best clouds, and whether it does so now."""
        best, worse, times, now = float("inf"), 0, 0, False
        for objective in self.objectives:
            worse = 0 if objective < best else worse + 1
            best, now = min(best, objective), worse == WORSE
            if now:
                times, worse = times + 1, -1  # the best clouds again come next, and are no better than themselves
        return times, now

    def is_done(self, settings: GeodesicSettings) -> bool:
        done = len(self.objectives)
        if done > settings.iterations:
            return True
        if done <= PATIENCE:
            return False
        before = min(self.objectives[:-PATIENCE])
        return min(self.objectives) > (1 - settings.tolerance) * before


@dataclass(frozen=True)
class Geometry:
    """What a geodesic is one of.

    Attributes:
        distance: the perceptual distance.
        free: "rows", "weights" or "both".
        priors: encoder → what its rows are measured by.
    """

    model: Model
    sampling: Sampling
    distance: str
    free: str
    priors: dict[str, EncoderPrior]


def descend(
    path: ConditioningPath,
    geometry: Geometry,
    settings: GeodesicSettings,
    search: Search,
    *,
    after_each: Callable[[Search], object] = lambda search: None,
) -> Search:
    """Go on with ``search`` until it is done; ``search`` is changed. Arguments and errors: as :func:`iterate`."""
    for _ in iterate(path, geometry, settings, search):
        after_each(search)
    return search


def iterate(
    path: ConditioningPath,
    geometry: Geometry,
    settings: GeodesicSettings,
    search: Search,
    *,
    on_step: Callable[[], object] = lambda: None,
) -> Iterator[Search]:
    """Go on with ``search``, which is changed, and yield it after each iteration until it is done.

    Args:
        path: with unsolved geodesics as its clouds.
        on_step: called after each sampling step.

    Raises:
        UserError: a distance without a gradient; what
            :func:`~whichway.analysis.images.differentiable_rendering.render_differentiably` refuses.
    """
    embed, power = find_embedding(geometry.distance)
    ends = _features_of_ends(path, geometry, embed)
    while not search.is_done(settings):
        variables = _variables(search.strings, geometry.free)
        steps, objective = _evaluate(path, geometry, settings, search, variables, ends, (embed, power), on_step)
        gradients = _gradients(objective, variables)
        if search.objectives[-1] == min(search.objectives):
            search.best = dict(search.strings)
        times, goes_back = search.returns
        if goes_back:
            search.strings, search.moments = dict(search.best), {}
        else:
            search.strings = _moved(search, variables, gradients, settings)
            places = even_places(steps.detach().double().cpu().sqrt(), share=RESPACED / 2**times)
            search.strings = {name: string.at(places) for name, string in search.strings.items()}
        yield search


Variables = dict[str, CloudString]


def _variables(strings: dict[str, CloudString], free: str) -> Variables:
    """The same strings, as leaves of a graph where they are free."""
    return {
        name: replace(
            string,
            rows=string.rows.clone().requires_grad_(free != "weights"),
            log_weights=string.log_weights.clone().requires_grad_(free != "rows"),
        )
        for name, string in strings.items()
    }


def _features_of_ends(path: ConditioningPath, geometry: Geometry, embed: Callable[[Tensor], Tensor]) -> Tensor:
    with torch.no_grad():
        ends = torch.cat([render_differentiably(geometry.model, [path(t)], geometry.sampling) for t in (0.0, 1.0)])
        return embed(ends.detach())


def _evaluate(
    path: ConditioningPath,
    geometry: Geometry,
    settings: GeodesicSettings,
    search: Search,
    variables: Variables,
    ends: Tensor,
    distance: tuple[Callable[[Tensor], Tensor], int],
    on_step: Callable[[], object],
) -> tuple[Tensor, Tensor]:
    """Squared steps and the objective, both in the graph; what they are is written down in ``search``."""
    embed, power = distance
    images = render_differentiably(geometry.model, conditionings(path, variables), geometry.sampling, on_step=on_step)
    points = torch.cat([ends[:1], embed(images), ends[1:]])
    steps = squared_steps(points, power)
    energy = len(steps) * steps.sum()
    excess = torch.stack([_excess(string, geometry.priors[name]) for name, string in variables.items()]).mean()
    search.energies.append(float(energy.detach()))
    search.excesses.append(float(excess.detach()))
    objective = energy / (search.energies[0] or 1.0) + settings.penalty * excess.to(energy)
    search.objectives.append(float(objective.detach()))
    if not torch.isfinite(objective):
        raise UserError("the geodesic's energy is not finite; wanted a model whose images are")
    return steps, objective


def _excess(string: CloudString, prior: EncoderPrior) -> Tensor:
    rows, weights = string.rows, string.weights()[1:-1].detach()
    return prior.excess(rows[1:-1], weights, rows[0].detach(), rows[-1].detach()).mean()


def _gradients(objective: Tensor, variables: Variables) -> dict[str, Tensor]:
    """With respect to the strings' points at their inner nodes; zero where they are not free."""
    leaves = [leaf for string in variables.values() for leaf in (string.rows, string.log_weights) if leaf.requires_grad]
    with memory_in_one_line(len(next(iter(variables.values())).rows)):
        of_leaf = dict(zip(map(id, leaves), torch.autograd.grad(objective, leaves), strict=True))
    gradients = {}
    for name, string in variables.items():
        rows = of_leaf.get(id(string.rows), torch.zeros_like(string.rows)) * string.scale
        log_weights = of_leaf.get(id(string.log_weights), torch.zeros_like(string.log_weights))
        gradients[name] = torch.cat([rows.flatten(1), log_weights], dim=1)[1:-1]
    return gradients


def _free_points(string: CloudString) -> Tensor:
    """The string's points with zeros where it is not free, so that what is fixed has no part in its direction."""
    points, rows = string.points.detach().clone(), string.rows[0].numel()
    if not string.rows.requires_grad:
        points[:, :rows] = 0
    if not string.log_weights.requires_grad:
        points[:, rows:] = 0
    return points


def _moved(
    search: Search, variables: Variables, gradients: dict[str, Tensor], settings: GeodesicSettings
) -> dict[str, CloudString]:
    """A step of Adam against the normal part of the gradients; the ends stay."""
    count, moved = len(search.objectives), {}
    times, _ = search.returns
    step = settings.step / (1 + count / SETTLING) ** 0.5 / 2**times
    for name, string in variables.items():
        with torch.no_grad():
            along = tangents(_free_points(string))
            gradient = normal_part(gradients[name], along)
            direction, search.moments[name] = adam_direction(search.moments.get(name), gradient, count, MOMENTS)
            change = -step * normal_part(direction, along)
            change = torch.cat([change.new_zeros(1, change.shape[1]), change, change.new_zeros(1, change.shape[1])])
            rows, log_weights = change.split([string.rows[0].numel(), string.log_weights.shape[1]], dim=1)
            moved[name] = replace(
                string,
                rows=(string.rows + string.scale * rows.view_as(string.rows)).detach(),
                log_weights=(string.log_weights + log_weights).detach(),
            )
    return moved
