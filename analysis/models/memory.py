"""What a model needs and what there is, before its weights are read: what cannot fit is refused in one line."""

from collections.abc import Mapping
from dataclasses import dataclass

import psutil
import torch

from whichway.analysis.errors import UserError

#: bytes for each weight of a quantized component
QUANTIZED = {"bitsandbytes-8bit": 1.0, "bitsandbytes-4bit": 0.5, "quanto-int8": 1.0}


def require_memory(needed: float, what: str, parts: str = "its weights") -> None:
    """Check that ``needed`` bytes are available for the ``parts`` of ``what``.

    Raises:
        UserError: fewer bytes are available.
    """
    available = psutil.virtual_memory().available
    if needed > available:
        raise UserError(
            f"{what} needs {needed / 2**30:.1f} GiB for {parts}, {available / 2**30:.1f} GiB of memory is available"
        )


@dataclass(frozen=True)
class Needs:
    """Bytes that the weights of each component take, and how they are held.

    Attributes:
        name: of the model, as the user said it.
        parameters, bytes: component → how many.
        dtype: of the weights; quantized components have fewer bytes.
        offload: :data:`whichway.analysis.vocabulary.OFFLOADS`.
    """

    name: str
    parameters: Mapping[str, int]
    bytes: Mapping[str, float]
    dtype: torch.dtype
    offload: str = "none"

    @property
    def total(self) -> float:
        return sum(self.bytes.values())

    @property
    def on_gpu(self) -> float:
        """Of them all, what is on the GPU at one time."""
        return {"none": self.total, "model": max(self.bytes.values()), "sequential": 0.0}[self.offload]

    def __str__(self) -> str:
        count = sum(self.parameters.values())
        amount = f"{count / 1e9:.1f} billion" if count >= 1e9 else f"{count / 1e6:.0f} million"
        return (
            f"{amount} parameters, {_gib(self.total)} in {str(self.dtype).removeprefix('torch.')} "
            f"({', '.join(f'{part} {_gib(size)}' for part, size in self.bytes.items())})"
        )

    def require(self, device: torch.device) -> str:
        """A line that says what is needed and what there is.

        Raises:
            UserError: it cannot fit, with what would make it fit.
        """
        memory = float(psutil.virtual_memory().available)
        gpu = float(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else None
        in_memory = self.total if gpu is None or self.offload != "none" else 0.0
        if in_memory > memory or (gpu is not None and self.on_gpu > gpu):
            place = f"{_gib(memory)} of memory" if in_memory > memory else f"{_gib(gpu or 0)} on the GPU"
            raise UserError(f"model {self.name!r} cannot fit: {self}; there is {place}{self._way_out(memory, gpu)}")
        there = f"{_gib(memory)} of memory" if gpu is None else f"{_gib(gpu)} on the GPU, {_gib(memory)} of memory"
        return f"{self}; there is {there}"

    def _way_out(self, memory: float, gpu: float | None) -> str:
        """The first of what a user can do that would suffice."""
        space = memory if gpu is None else gpu
        half = 2 / self.dtype.itemsize
        ways = {
            "--dtype bfloat16": self.dtype.itemsize > 2 and self.on_gpu * half <= space,
            "--offload model": gpu is not None and max(self.bytes.values()) <= gpu and self.total <= memory,
            "--quantize bitsandbytes-4bit": gpu is not None and sum(self.parameters.values()) / 2 <= gpu,
            "--offload sequential": gpu is not None and self.total <= memory,
            "--dtype bfloat16 --offload sequential": gpu is not None and self.total * half <= memory,
        }
        way = next((way for way, suffices in ways.items() if suffices), None)
        return f"; try {way}" if way else "; wanted a smaller model or a larger machine"


def needs_of(
    name: str, parameters: Mapping[str, int], dtype: torch.dtype, *, offload: str = "none", quantize: str = "none"
) -> Needs:
    """What the components would take; all but the autoencoder can be quantized."""
    each = {
        part: count * (QUANTIZED[quantize] if quantize in QUANTIZED and part != "vae" else dtype.itemsize)
        for part, count in parameters.items()
    }
    return Needs(name, parameters, each, dtype, offload)


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 / 10 else f"{size / 2**20:.0f} MiB"
