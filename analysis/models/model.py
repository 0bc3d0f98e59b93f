"""Load a Stable-Diffusion-like pipeline: hub id, local folder, or single .safetensors file; default the miniature."""

import hashlib
import logging
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import diffusers
import torch

from whichway.analysis.errors import UserError
from whichway.analysis.models.dtypes import DTYPES

MINIATURE = "miniature"
WANTED = "'miniature', a hub id (owner/name), a folder in diffusers' format, or a .safetensors file"
#: what a pipeline must have for its conditioning to be one cloud of token rows
NEEDED = ("tokenizer", "text_encoder", "unet", "vae", "scheduler")

#: deterministic samplers that can stand in for the model's own: name → diffusers class
SAMPLERS = {
    "own": "",
    "ddim": "DDIMScheduler",
    "dpm": "DPMSolverMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
    "unipc": "UniPCMultistepScheduler",
}


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded pipeline and where it came from.

    Attributes:
        name: what the user asked for.
        compiled: whether the denoiser runs through ``torch.compile``.
    """

    name: str
    pipeline: Any
    compiled: bool = False

    @property
    def device(self) -> torch.device:
        return self.pipeline.unet.device

    @property
    def dtype(self) -> torch.dtype:
        return self.pipeline.unet.dtype

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the names and values of all weights as loaded, and the scheduler's settings."""
        digest = hashlib.sha256()
        for part in ("text_encoder", "unet", "vae"):
            for name, tensor in sorted(getattr(self.pipeline, part).state_dict().items()):
                digest.update(f"{part}.{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
                digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        digest.update(self.pipeline.scheduler.to_json_string().encode())
        return digest.hexdigest()


def load_model(
    name: str = MINIATURE, *, device: str = "auto", dtype: str = "auto", sampler: str = "own", compiled: bool = False
) -> Model:
    """Load the pipeline called ``name`` through diffusers; only safetensors weights, no code from the hub.

    Args:
        name: "miniature", a hub id ("stable-diffusion-v1-5/stable-diffusion-v1-5"), a local folder in diffusers'
            format, or a single .safetensors checkpoint.
        device: auto (cuda, else mps, else cpu), cpu, cuda or mps.
        dtype: auto (float16 on cuda, else float32), float64, float32, float16 or bfloat16.
        sampler: own (the pipeline's), or another with the same noise schedule (:data:`SAMPLERS`).
        compiled: put ``torch.compile`` before the denoiser: worth its minute where many frames are rendered.

    Raises:
        UserError: no such model or sampler, not a checkpoint, a device that is not there, no compiler for ``compiled``,
            or a pipeline whose conditioning is not one cloud of token rows.
    """
    if sampler not in SAMPLERS:
        raise UserError(f"sampler: unknown {sampler!r}; known: {', '.join(SAMPLERS)}")
    chosen = pick_device(device)
    with quiet_libraries():
        pipeline = _load_pipeline(name, pick_dtype(dtype, chosen))
    missing = [part for part in NEEDED if getattr(pipeline, part, None) is None]
    if missing or getattr(pipeline, "text_encoder_2", None) is not None:
        raise UserError(
            f"model {name!r} is a {type(pipeline).__name__}, whose conditioning is not one cloud of token rows; "
            "wanted a pipeline like Stable Diffusion 1.x or 2.x (one text encoder, one UNet)"
        )
    if sampler != "own":
        pipeline.scheduler = getattr(diffusers, SAMPLERS[sampler]).from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    for part in (pipeline.unet, pipeline.vae):
        part.to(memory_format=torch.channels_last)  # convolutions are faster; images the same up to rounding
    pipeline.to(chosen)
    if compiled:
        _compile(pipeline.unet)
    return Model(name, pipeline, compiled)


def _compile(denoiser: torch.nn.Module) -> None:
    compilers = (os.environ.get("CXX", ""), "g++", "clang++")
    if denoiser.device.type == "cpu" and not any(map(shutil.which, compilers)):
        raise UserError("compile needs a C++ compiler; install g++ or clang++, or do without")
    denoiser.compile()


def pick_device(name: str) -> torch.device:
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    if not available.get(name, False):
        raise UserError(
            f"device {name!r} is not available here; available: {', '.join(k for k, v in available.items() if v)}"
        )
    return torch.device(name)


def pick_dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    if name not in DTYPES:
        raise UserError(f"unknown dtype {name!r}; known: auto, {', '.join(DTYPES)}")
    return DTYPES[name]


def _load_pipeline(name: str, dtype: torch.dtype) -> Any:
    from diffusers import DiffusionPipeline, StableDiffusionPipeline

    folder_or_file = _miniature_folder() if name == MINIATURE else Path(name).expanduser()
    options = {"torch_dtype": dtype, "safety_checker": None, "requires_safety_checker": False}
    try:
        if folder_or_file.is_dir():
            if not (folder_or_file / "model_index.json").is_file():
                raise UserError(f"model folder {name!r} has no model_index.json; wanted a folder in diffusers' format")
            return DiffusionPipeline.from_pretrained(folder_or_file, use_safetensors=True, **options)
        if folder_or_file.is_file() or folder_or_file.suffix == ".safetensors":
            _require_safetensors(folder_or_file)
            return StableDiffusionPipeline.from_single_file(str(folder_or_file), **options)
        _require_hub_id(name)
        return DiffusionPipeline.from_pretrained(name, use_safetensors=True, **options)
    except UserError:
        raise
    except Exception as error:  # whatever the loaders raise for a bad checkpoint: the user needs one line, not which
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if folder_or_file.exists():
            raise UserError(f"model {name!r} could not be loaded as a diffusers pipeline: {reason}") from error
        raise UserError(
            f"model {name!r} is not a folder or file here, and the hub could not be reached or has no pipeline of "
            f"that id ({type(error).__name__}); wanted {WANTED}"
        ) from error


def _miniature_folder() -> Path:
    from whichway.miniature import MODEL

    return MODEL


def _require_hub_id(name: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise UserError(f"model {name!r} does not exist and is no hub id either; wanted {WANTED}") from error


def _require_safetensors(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise UserError(f"model file {str(path)!r} does not exist")
    try:
        with safe_open(path, framework="pt"):
            pass
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"model file {str(path)!r} is not a safetensors checkpoint; wanted a .safetensors file or a folder"
        ) from error


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep the libraries from printing bars and advice that a user cannot act on, or that we say ourselves."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    libraries = (diffusers_logging, transformers_logging)
    levels = [library.get_verbosity() for library in libraries]
    for library in libraries:
        library.set_verbosity(logging.CRITICAL)
        library.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for library, level in zip(libraries, levels, strict=True):
            library.set_verbosity(level)
            library.enable_progress_bar()
