"""What the census needs to know of a denoiser: how to build it small, how to call it, where its attention sees text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from whichway.analysis.images.text_keys import Spans
from whichway.analysis.models.memory import require_memory
from whichway.analysis.quiet import quiet_libraries


@dataclass(frozen=True)
class Text:
    """Token rows (1, n, d) and the place (n,) that each has in the prompt, for denoisers that ask for it."""

    rows: Float[Tensor, "1 n d"]
    places: Int[Tensor, " n"]

    @property
    def size(self) -> int:
        return self.rows.shape[1]


@dataclass(frozen=True, kw_only=True)
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
        dtype: of weights and inputs.
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
    dtype: torch.dtype = torch.float64
    census: bool = True

    def build(self, seed: int = 0) -> torch.nn.Module:
        """The denoiser with non-degenerate random weights, in evaluation mode.

        Raises:
            UserError: the weights do not fit in memory.
        """
        import diffusers

        denoiser_class = getattr(diffusers, self.class_name)
        with quiet_libraries(), torch.device("meta"):
            parameters = sum(p.numel() for p in denoiser_class(**self.configuration).parameters())
        require_memory(parameters * self.dtype.itemsize, f"architecture {self.name!r}")
        with quiet_libraries():
            denoiser = denoiser_class(**self.configuration).to(self.dtype)
        randomize(denoiser, seed)
        return denoiser.eval().requires_grad_(False)


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
