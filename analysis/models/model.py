"""A model: a pipeline of diffusers and its family, one thing at a time; encodes prompts and renders conditionings."""

import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning, Family, encode, encode_negative, find_family
from whichway.analysis.images.rendering import Images, Renderable, render
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import MINIATURE
from whichway.analysis.models.fingerprint import Fingerprint
from whichway.analysis.models.loading import load_pipeline, pick_device, pick_dtype
from whichway.analysis.quiet import quiet_libraries

__all__ = ["MINIATURE", "Model", "load_model", "quiet_libraries"]


@dataclass(frozen=True, eq=False)
class Model:
    """A pipeline as it is: not moved, cast or given another scheduler. Any number of threads may use it.

    Attributes:
        name: what the user asked for.
        pipeline: of diffusers. Your own may have adapters loaded.
        compiled: whether the denoiser runs through ``torch.compile``.
        lock: held while the pipeline encodes prompts or renders a batch.

    Raises:
        UserError: a pipeline of no family that is known.
    """

    name: str
    pipeline: Any
    compiled: bool = False
    lock: Any = field(default_factory=threading.RLock, repr=False)

    def __post_init__(self) -> None:
        _ = self.family

    @cached_property
    def family(self) -> Family:
        return find_family(self.pipeline, self.name)

    @property
    def denoiser(self) -> Any:
        """The module that sees the text."""
        return getattr(self.pipeline, self.family.denoiser)

    @property
    def device(self) -> torch.device:
        device: torch.device = self.denoiser.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = self.denoiser.dtype
        return dtype

    @cached_property
    def _fingerprint(self) -> Fingerprint:
        return Fingerprint(self.pipeline)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all weights, configurations, tokenizer, scheduler and adapters, as they are now."""
        with self.lock:
            return str(self._fingerprint)

    @property
    def identity(self) -> dict[str, Any]:
        """All of the model that an image depends on: two models of one identity give the same images up to rounding."""
        return {
            "model_sha256": self.fingerprint,
            "device": self.device.type,
            "dtype": str(self.dtype).removeprefix("torch."),
            "compiled": self.compiled,
        }

    def encode(self, prompts: Sequence[str]) -> list[Conditioning]:
        """The conditioning of each prompt; warns of those that are cut off. The empty prompt is legitimate."""
        with self.lock:
            return list(encode(self.family, self.pipeline, prompts))

    def encode_negative(self, prompt: str | None) -> Conditioning:
        """The conditioning of a negative prompt, or of none, as the pipeline's own call makes it."""
        with self.lock:
            return encode_negative(self.family, self.pipeline, prompt)

    def encode_each(self, prompts: Sequence[str]) -> Iterator[Conditioning]:
        """As :meth:`encode`, one after the other: for many prompts, and progress."""
        conditionings = encode(self.family, self.pipeline, prompts)
        while True:
            with self.lock:
                conditioning = next(conditionings, None)
            if conditioning is None:
                return
            yield conditioning

    def render(self, conditionings: Sequence[Renderable], sampling: Sampling = Sampling(), **options: Any) -> Images:
        """Images (frames, height, width, 3) uint8: :func:`whichway.analysis.images.rendering.render`."""
        return render(self, conditionings, sampling, **options)


def load_model(
    name: str = MINIATURE,
    *,
    device: str = "auto",
    dtype: str = "auto",
    variant: str | None = None,
    compiled: bool = False,
) -> Model:
    """Load the pipeline called ``name`` through diffusers; only safetensors weights, no code from the hub.

    Args:
        name: "miniature", a hub id ("stable-diffusion-v1-5/stable-diffusion-v1-5"), a local folder in diffusers'
            format, or a single .safetensors checkpoint.
        device: auto (cuda, else mps, else cpu), cpu, cuda or mps.
        dtype: auto (float16 on cuda, else float32), float64, float32, float16 or bfloat16.
        variant: of the weights' files, such as "fp16".
        compiled: put ``torch.compile`` before the denoiser: worth its minute where many frames are rendered.

    Raises:
        UserError: no such model, not a checkpoint, a device that is not there, no compiler for ``compiled``, or a
            pipeline of no family that is known.
    """
    chosen = pick_device(device)
    with quiet_libraries():
        pipeline = load_pipeline(name, pick_dtype(dtype, chosen), variant)
    model = Model(name, pipeline, compiled)
    pipeline.set_progress_bar_config(disable=True)
    for part in (model.denoiser, pipeline.vae):
        part.to(memory_format=torch.channels_last)  # convolutions are faster; images the same up to rounding
    pipeline.to(chosen)
    if compiled:
        _compile(model.denoiser)
    return model


def _compile(denoiser: torch.nn.Module) -> None:
    compilers = (os.environ.get("CXX", ""), "g++", "clang++")
    if denoiser.device.type == "cpu" and not any(map(shutil.which, compilers)):
        raise UserError("compile needs a C++ compiler; install g++ or clang++, or do without")
    denoiser.compile()
