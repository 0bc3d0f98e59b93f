"""What the census needs to know of a denoiser: how to build it small, how to call it, where its attention sees text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from whichway.analysis.quiet import quiet_libraries

#: positions of the text rows among the keys of one attention, in order; one slice for each copy of the cloud
Spans = Sequence[slice]


@dataclass(frozen=True)
class Text:
    """Token rows (1, n, d) and the place (n,) that each has in the prompt, for denoisers that ask for it."""

    rows: Float[Tensor, "1 n d"]
    places: Int[Tensor, " n"]

    @property
    def size(self) -> int:
        return self.rows.shape[1]


@dataclass(frozen=True)
class Architecture:
    """A denoiser class of diffusers in one configuration.

    Args:
        name: what the command line calls it.
        title: what people call it.
        class_name: the class in ``diffusers``.
        configuration: arguments of the class.
        width: d of a text row.
        call: denoise a fixed noise with the text; everything else (time, pooled vectors) is fixed too.
        text_keys: ``(keys, n) → spans``: which keys, of an attention over so many, are the n text rows.
        places: the class is told the place of every row from outside, so that places can travel with their rows.
        rows: number of text rows, where the class takes exactly so many.
        other_rows: fixed rows of another text encoder that share a softmax with the cloud.
        precision: of weights and inputs.
        census: part of ``--architectures all``.
    """

    name: str
    title: str
    class_name: str
    configuration: dict[str, Any]
    width: int
    call: Callable[[torch.nn.Module, Text], Tensor]
    text_keys: Callable[[int, int], Spans]
    places: bool = False
    rows: int | None = None
    other_rows: int = 0
    precision: torch.dtype = torch.float64
    census: bool = field(default=True, kw_only=True)

    def build(self, seed: int = 0) -> torch.nn.Module:
        """The denoiser with non-degenerate random weights, in evaluation mode."""
        import diffusers

        denoiser_class = getattr(diffusers, self.class_name)
        with quiet_libraries(), torch.device("meta"):
            parameters = sum(p.numel() for p in denoiser_class(**self.configuration).parameters())
        require_memory(parameters * self.precision.itemsize, f"architecture {self.name!r}")
        with quiet_libraries():
            denoiser = denoiser_class(**self.configuration).to(self.precision)
        randomize(denoiser, seed)
        return denoiser.eval().requires_grad_(False)


def require_memory(needed: int, what: str) -> None:
    """Refuse what cannot fit, before the machine starts to swap.

    Raises:
        UserError: fewer bytes are available than ``needed``.
    """
    import psutil

    from whichway.analysis.errors import UserError

    available = psutil.virtual_memory().available
    if needed > available:
        raise UserError(
            f"{what} needs {needed / 2**30:.1f} GiB for its weights, {available / 2**30:.1f} GiB of memory is available"
        )


@torch.no_grad()
def randomize(module: torch.nn.Module, seed: int) -> None:
    """Fill every parameter so that nothing is switched off: many classes start with zero gates and zero projections.

    Matrices are normal with variance 1/fan_in, vectors are normal with deviation 0.1 (scales of norms: around 1).
    """
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        if parameter.ndim >= 2:
            parameter.normal_(0, parameter[0].numel() ** -0.5, generator=generator)
        else:
            scales = "norm" in name and name.endswith("weight")
            parameter.normal_(float(scales), 0.1, generator=generator)


def fixed(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    """The same normal numbers at every call: noise, pooled vectors and whatever else is not the cloud."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def text_alone(keys: int, n: int) -> Spans:
    """Cross-attention: the keys are the text rows and nothing else."""
    return [slice(0, n)] if keys == n else []


def text_first(image_tokens: int, before: int = 0) -> Callable[[int, int], Spans]:
    """Joint attention over ``before`` registers, the text, the image; and attention of the text to itself."""

    def spans(keys: int, n: int) -> Spans:
        joint = keys in (before + n, before + n + image_tokens)
        return [slice(before, before + n)] if joint else text_alone(keys, n)

    return spans


def text_last(image_tokens: int) -> Callable[[int, int], Spans]:
    """Joint attention over the image, then the text."""

    def spans(keys: int, n: int) -> Spans:
        return [slice(image_tokens, keys)] if keys == image_tokens + n else text_alone(keys, n)

    return spans
