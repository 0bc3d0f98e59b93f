"""Noise between two seeds: what a frame is sampled from when seeds travel with the text, or without it.

A :class:`NoisePoint` says where on the great circle between two seeds' noise a frame is. It reaches the image through a
generator, as all noise does: :class:`TravellingGenerator` carries both seeds, and within :func:`noise_travels` whatever
is drawn from it by ``torch.randn`` is drawn from both and joined on their great circle. So no family's latents have to
be known here, and what a stochastic scheduler adds in each step travels as what it starts from does: at t = 0 and 1 the
image is exactly that of the one seed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from whichway.analysis.errors import require_at_least
from whichway.analysis.families import Conditioning
from whichway.geometry.great_circle import slerp


@dataclass(frozen=True)
class NoisePoint:
    """At t on the great circle from the noise of ``start`` to that of ``end`` (seeds).

    Raises:
        UserError: a seed that is negative or too large.
        ValueError: a t that is not in [0, 1].
    """

    start: int
    end: int
    t: float = 0.0

    def __post_init__(self) -> None:
        require_at_least("seeds", self.start, 0)
        require_at_least("seeds", self.end, 0)
        if not 0 <= self.t <= 1:
            raise ValueError(f"t: wanted a number from 0 to 1, got {self.t}")

    @property
    def seed(self) -> int | None:
        """The only seed, where the other one has no part in it."""
        if self.start == self.end or self.t == 0:
            return self.start
        return self.end if self.t == 1 else None

    def generator(self) -> torch.Generator:
        """On the CPU, as :func:`whichway.analysis.images.noise.noise_generators` makes them."""
        if self.seed is not None:
            return torch.Generator("cpu").manual_seed(self.seed)
        generator = TravellingGenerator("cpu")
        generator.manual_seed(self.start)
        generator.other = torch.Generator("cpu").manual_seed(self.end)
        generator.t = self.t
        return generator


@dataclass(frozen=True, eq=False)
class NoisyConditioning(Conditioning):
    """A conditioning whose frame has noise of its own, and not that of the sampling's seed."""

    noise: NoisePoint = NoisePoint(0, 0)


def with_noise(conditioning: Conditioning, noise: NoisePoint) -> NoisyConditioning:
    """The same text from other noise."""
    parts = {name: getattr(conditioning, name) for name in Conditioning.__dataclass_fields__}
    return NoisyConditioning(**parts, noise=noise)


def noise_of(conditioning: object, seed: int) -> NoisePoint:
    """Its own noise, or that of the sampling's seed."""
    return conditioning.noise if isinstance(conditioning, NoisyConditioning) else NoisePoint(seed, seed)


class TravellingGenerator(torch.Generator):
    """Two generators in one, for :func:`noise_travels`; elsewhere it is the one of the start."""

    other: torch.Generator
    t: float


class _GreatCircles(TorchFunctionMode):
    """Of this thread only: what other threads draw is not touched."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = dict(kwargs or {})
        generator = options.get("generator")
        if func is not torch.randn or not isinstance(generator, TravellingGenerator):
            return func(*args, **options)
        start = func(*args, **options)
        end = func(*args, **options | {"generator": generator.other})
        return on_great_circle(start, end, generator.t)


@contextmanager
def noise_travels() -> Iterator[None]:
    """Within the context, a :class:`TravellingGenerator` gives noise of both its seeds."""
    with _GreatCircles():
        yield


def on_great_circle(start: Tensor, end: Tensor, t: float) -> Tensor:
    """Two tensors of one shape as single vectors, slerped: as long as noise is, which a mean of both is not."""
    joined = slerp(start.double().flatten()[None], end.double().flatten()[None], t)
    return joined.view(start.shape).to(start)
