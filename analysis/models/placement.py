"""A loaded pipeline of our own → where and how its weights wait: device, offloading, autoencoder, compiler."""

import os
import shutil
from typing import Any

import torch

from whichway.analysis.errors import UserError
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.models.dtypes import DTYPES


def pick_device(name: str) -> torch.device:
    """The device called ``name``; auto: cuda, else mps, else cpu.

    Raises:
        UserError: it is not there.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    if not available.get(name, False):
        raise UserError(
            f"device {name!r} is not available here; available: {', '.join(k for k, v in available.items() if v)}"
        )
    return torch.device(name)


def pick_dtype(name: str, device: torch.device, denoiser: str = "unet") -> torch.dtype:
    """The dtype called ``name``; auto: on cuda bfloat16 for transformers, float16 for UNets; float32 elsewhere.

    Transformers were trained in bfloat16, and their activations overflow in float16.

    Args:
        denoiser: "unet" or "transformer".

    Raises:
        UserError: there is none of that name.
    """
    if name == "auto":
        half = torch.bfloat16 if denoiser == "transformer" else torch.float16
        return half if device.type == "cuda" else torch.float32
    if name not in DTYPES:
        raise UserError(f"unknown dtype {name!r}; known: auto, {', '.join(DTYPES)}")
    return DTYPES[name]


def place(pipeline: Any, denoiser: Any, choice: ModelChoice, device: torch.device) -> None:
    """Put the pipeline where the choice says.

    Raises:
        UserError: offloading without a GPU, no compiler, an autoencoder that cannot be sliced or tiled.
    """
    if choice.offload != "none" and device.type == "cpu":
        raise UserError(f"offload {choice.offload!r} keeps a GPU's memory free, and the device is a CPU; leave it out")
    for part in (denoiser, pipeline.vae):
        if choice.quantize == "none" or part is pipeline.vae:
            part.to(memory_format=torch.channels_last)  # convolutions are faster; images the same up to rounding
    for option, method in (("vae_slicing", "enable_slicing"), ("vae_tiling", "enable_tiling")):
        if getattr(choice, option):
            if not hasattr(pipeline.vae, method):
                raise UserError(f"{option}: a {type(pipeline.vae).__name__} cannot do it; leave it out")
            getattr(pipeline.vae, method)()
    if choice.offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    elif choice.offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=device)
    else:
        pipeline.to(device)
    if choice.compiled:
        _compile(denoiser, device)


def _compile(denoiser: torch.nn.Module, device: torch.device) -> None:
    compilers = (os.environ.get("CXX", ""), "g++", "clang++")
    if device.type == "cpu" and not any(map(shutil.which, compilers)):
        raise UserError("compile needs a C++ compiler; install g++ or clang++, or do without")
    denoiser.compile()
