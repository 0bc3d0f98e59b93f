"""Noise between two seeds: what a frame is sampled from when seeds travel with the text, or without it.

A :class:`NoisePoint` says where on the great circle between two seeds' noise a frame is. It reaches the image through a
generator, as all noise does: :class:`TravellingGenerator` carries both seeds, and within :func:`noise_travels` whatever
is drawn from it by ``torch.randn`` is drawn from both and joined on their great circle. So no family's latents have to
be known here, and what a stochastic scheduler adds in each step travels as what it starts from does: at t = 0 and 1 the
image is exactly that of the one seed. Noise that was found for a photograph (:class:`GivenNoise`) reaches the image in
the same way; it does not travel.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from whichway.analysis.errors import UserError, require_at_least
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


@dataclass(frozen=True)
class GivenNoise:
    """Noise of no seed: what sampling starts from, itself.

    Attributes:
        values: (1, c, h, w), in the latents' own shape.
    """

    values: Tensor = field(hash=False, compare=False)
    sha256: str = ""
    seed: ClassVar[None] = None

    def __post_init__(self) -> None:
        content = self.values.detach().float().cpu().contiguous().numpy().tobytes()
        object.__setattr__(self, "sha256", hashlib.sha256(content).hexdigest())

    def generator(self) -> torch.Generator:
        """Gives the values, for a scheduler that draws nothing after them."""
        generator = GivenGenerator("cpu")
        generator.values = self.values
        return generator


@dataclass(frozen=True, eq=False)
class NoisyConditioning(Conditioning):
    """A conditioning whose frame has noise of its own, and not that of the sampling's seed."""

    noise: NoisePoint | GivenNoise = NoisePoint(0, 0)


def with_noise(conditioning: Conditioning, noise: NoisePoint | GivenNoise) -> NoisyConditioning:
    """The same text from other noise."""
    parts = {name: getattr(conditioning, name) for name in Conditioning.__dataclass_fields__}
    return NoisyConditioning(**parts, noise=noise)


def noise_of(conditioning: object, seed: int) -> NoisePoint | GivenNoise:
    """Its own noise, or that of the sampling's seed."""
    return conditioning.noise if isinstance(conditioning, NoisyConditioning) else NoisePoint(seed, seed)


class TravellingGenerator(torch.Generator):
    """Two generators in one, for :func:`noise_travels`; elsewhere it is the one of the start."""

    other: torch.Generator
    t: float


class GivenGenerator(torch.Generator):
    """One tensor as a generator, for :func:`noise_travels`."""

    values: Tensor


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
        if func is torch.randn and isinstance(generator, GivenGenerator):
            return _of_shape(generator.values, args, options)
        if func is not torch.randn or not isinstance(generator, TravellingGenerator):
            return func(*args, **options)
        start = func(*args, **options)
        end = func(*args, **options | {"generator": generator.other})
        return on_great_circle(start, end, generator.t)


@contextmanager
def noise_travels() -> Iterator[None]:
    """Within the context, a :class:`TravellingGenerator` gives noise of both its seeds, a :class:`GivenGenerator` what
    it was given.
    """
    with _GreatCircles():
        yield


def _of_shape(values: Tensor, args: tuple[Any, ...], options: Mapping[str, Any]) -> Tensor:
    """The given noise, as ``torch.randn`` was asked for it.

    Raises:
        UserError: for latents of another shape.
    """
    shape = tuple(args[0] if args and not isinstance(args[0], int) else args) or tuple(options["size"])
    if shape != tuple(values.shape):
        raise UserError(
            f"noise of shape {tuple(values.shape)}, and the images' latents have {shape}; wanted their size"
        )
    return values.to(options.get("device") or "cpu", options.get("dtype") or values.dtype, copy=True)


def on_great_circle(start: Tensor, end: Tensor, t: float) -> Tensor:
    """Two tensors of one shape as single vectors, slerped: as long as noise is, which a mean of both is not."""
    joined = slerp(start.double().flatten()[None], end.double().flatten()[None], t)
    return joined.view(start.shape).to(start)
