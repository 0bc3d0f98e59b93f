"""Name → pipeline of diffusers: hub id, local folder, or single .safetensors file; only safetensors, no remote code."""

from pathlib import Path
from typing import Any

import torch

from whichway.analysis.errors import UserError
from whichway.analysis.models.choice import MINIATURE
from whichway.analysis.models.dtypes import DTYPES

WANTED = "'miniature', a hub id (owner/name), a folder in diffusers' format, or a .safetensors file"


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


def pick_dtype(name: str, device: torch.device) -> torch.dtype:
    """The dtype called ``name``; auto: float16 on cuda, else float32.

    Raises:
        UserError: there is none of that name.
    """
    if name == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    if name not in DTYPES:
        raise UserError(f"unknown dtype {name!r}; known: auto, {', '.join(DTYPES)}")
    return DTYPES[name]


def load_pipeline(name: str, dtype: torch.dtype, variant: str | None = None) -> Any:
    """The pipeline called ``name`` on the CPU.

    Raises:
        UserError: there is none, or it cannot be loaded.
    """
    from diffusers import DiffusionPipeline, StableDiffusionPipeline

    folder_or_file = _miniature_folder() if name == MINIATURE else Path(name).expanduser()
    options: dict = {"torch_dtype": dtype, "safety_checker": None, "requires_safety_checker": False}
    several_files = options | {"use_safetensors": True, "variant": variant}
    try:
        if folder_or_file.is_dir():
            if not (folder_or_file / "model_index.json").is_file():
                raise UserError(f"model folder {name!r} has no model_index.json; wanted a folder in diffusers' format")
            return DiffusionPipeline.from_pretrained(folder_or_file, **several_files)
        if folder_or_file.is_file() or folder_or_file.suffix == ".safetensors":
            _require_safetensors(folder_or_file)
            return StableDiffusionPipeline.from_single_file(str(folder_or_file), **options)
        _require_hub_id(name)
        return DiffusionPipeline.from_pretrained(name, **several_files)
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
