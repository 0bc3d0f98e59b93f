"""Starts → the conditioning whose image is a photograph: textual inversion of the whole cloud.

Gal et al. 2022 (arXiv:2208.01618) look for the embedding of one word, under many noises; here all rows of the
conditioning move, and the noise is the one that the image will be rendered from. The objective is

    D(I, P) + pixels · mean |I − P| + penalty · excess,

I the image through all sampling steps, P the photograph, D a perceptual distance, and the excess that of
:class:`whichway.analysis.inversion.parts.PartsPrior`. Adam, in the prior's whitened coordinates, with steps that shrink
to zero along a half cosine. All starts have a trial; the one whose objective came lowest goes on.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.analysis.geodesics.adam import Moments, adam_direction
from whichway.analysis.images.differentiable_rendering import memory_in_one_line, render_differentiably
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.inversion.parts import Offsets, PartsPrior, no_offsets
from whichway.analysis.inversion.settings import InversionSettings
from whichway.analysis.models.model import Model
from whichway.analysis.smoothness.differentiable_distance import find_embedding

MOMENTS = (0.9, 0.99)  # of Adam
SMALLEST = 1e-12  # below a square root, for its gradient where two images are the same


@dataclass
class Descent:
    """From one start: where it stands, and all that it takes to go on.

    Attributes:
        prompt: the start.
        offsets, best: of its rows now, and where the objective was least.
        moments: part → Adam's first and second moments.
        objectives, distances, excesses: of each iteration's conditioning, before its step.
    """

    prompt: str
    offsets: Offsets
    best: Offsets
    moments: dict[str, Moments] = field(default_factory=dict)
    objectives: list[float] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)
    excesses: list[float] = field(default_factory=list)

    @classmethod
    def from_start(cls, prompt: str, start: Conditioning) -> "Descent":
        offsets = no_offsets(start)
        return cls(prompt, offsets, offsets)

    @property
    def best_index(self) -> int:
        return min(range(len(self.objectives)), key=self.objectives.__getitem__)


@dataclass(frozen=True)
class Target:
    """What is looked for, and with what.

    Attributes:
        starts: prompt → its conditioning.
        image: (1, 3, height, width), the photograph with values in [0, 1].
        dress: puts noise of its own on a conditioning, where sampling does not start from the seed's.
    """

    model: Model
    sampling: Sampling
    starts: dict[str, Conditioning]
    prior: PartsPrior
    image: Float[Tensor, "1 3 height width"]
    dress: Callable[[Conditioning], Conditioning] = lambda conditioning: conditioning


def descend(
    target: Target,
    settings: InversionSettings,
    descents: Sequence[Descent],
    *,
    after_each: Callable[[Sequence[Descent]], object] = lambda descents: None,
) -> Descent:
    """Go on with ``descents``, which are changed, until the best of them has had all its iterations; returns it.

    Args:
        after_each: called after each iteration.

    Raises:
        UserError: what :func:`~whichway.analysis.images.differentiable_rendering.render_differentiably` refuses.
    """
    embed, power = find_embedding(settings.perceptual_distance)
    with torch.no_grad():
        features = embed(target.image)

    def distances_of(images: Tensor) -> Tensor:
        squares = (embed(images) - features).square().sum(dim=1)
        perceptual: Tensor = squares if power == 2 else (squares + SMALLEST).sqrt()
        return perceptual

    def step_all(some: Sequence[Descent]) -> None:
        _step(target, settings, some, distances_of)
        after_each(descents)

    while len(descents[0].objectives) < settings.trial:
        step_all(descents)
    best = best_of(descents, settings)
    while len(best.objectives) < settings.trial + settings.iterations:
        step_all([best])
    return best


def best_of(descents: Sequence[Descent], settings: InversionSettings) -> Descent:
    """By the least objective within the trial, which what comes later does not change."""
    return min(descents, key=lambda descent: min(descent.objectives[: settings.trial]))


def _step(
    target: Target,
    settings: InversionSettings,
    descents: Sequence[Descent],
    distances_of: Callable[[Tensor], Tensor],
) -> None:
    """Render the images of all descents, write down their objectives, and move each against its gradient."""
    variables = [{name: z.clone().requires_grad_() for name, z in each.offsets.items()} for each in descents]
    moved = [
        target.prior.move(target.starts[each.prompt], offsets)
        for each, offsets in zip(descents, variables, strict=True)
    ]
    images = render_differentiably(target.model, [target.dress(each) for each in moved], target.sampling)
    distances = distances_of(images.cpu().float())
    pixels = (images - target.image.to(images)).abs().flatten(1).mean(dim=1).cpu()
    excesses = torch.stack(
        [target.prior.excess(target.starts[each.prompt], own) for each, own in zip(descents, moved, strict=True)]
    )
    objectives = distances + settings.pixels * pixels + settings.penalty * excesses.float()
    if not torch.isfinite(objectives).all():
        raise UserError("the inversion's objective is not finite; wanted a model whose images are, or a smaller --step")
    leaves = [z for offsets in variables for z in offsets.values()]
    with memory_in_one_line(len(descents)):
        gradients = iter(torch.autograd.grad(objectives.sum(), leaves))
    for k, each in enumerate(descents):
        each.objectives.append(float(objectives[k].detach()))
        each.distances.append(float(distances[k].detach()))
        each.excesses.append(float(excesses[k].detach()))
        if each.objectives[-1] == min(each.objectives):
            each.best = each.offsets
        each.offsets = {name: _adam(each, name, next(gradients), settings) for name in each.offsets}


def _adam(descent: Descent, name: str, gradient: Tensor, settings: InversionSettings) -> Tensor:
    """The part's offsets after one step; its moments are changed."""
    offset, count = descent.offsets[name], len(descent.objectives)
    direction, descent.moments[name] = adam_direction(descent.moments.get(name), gradient, count, MOMENTS)
    return offset - _step_size(count, settings) * direction


def _step_size(count: int, settings: InversionSettings) -> float:
    """Of the iteration with this number, from 1."""
    total = settings.trial + settings.iterations
    return settings.step * (1 + math.cos(math.pi * (count - 1) / total)) / 2
