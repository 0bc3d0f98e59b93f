"""Name → pipeline of diffusers: hub id, local folder, or single .safetensors file; only safetensors, no remote code."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from whichway.analysis.errors import UserError
from whichway.analysis.models.adapters import load_embeddings, load_loras
from whichway.analysis.models.choice import MINIATURE, SECOND_MINIATURE, ModelChoice
from whichway.analysis.models.configurations import OF_PYTHON, reason_in_words, require_others_can_be_made
from whichway.analysis.models.folder import INDEX, ModelFolder, inspect_folder, require_matching_weights
from whichway.analysis.models.memory import needs_of
from whichway.analysis.models.placement import pick_dtype
from whichway.analysis.models.quantization import quantization_config
from whichway.analysis.models.single_file import SingleFile
from whichway.analysis.models.text_to_image import require_fitting_texts
from whichway.miniature import MODEL, SECOND

WANTED = "'miniature', 'miniature-second', a hub id (owner/name), a folder in diffusers' format, or a .safetensors file"
#: what would have to look at each image; it is not loaded
WITHOUT_SAFETY_CHECKER = {"safety_checker": None, "requires_safety_checker": False}


def load_pipeline(
    choice: ModelChoice, device: torch.device, report: Callable[[str], object] = lambda line: None
) -> Any:
    """The pipeline that is chosen, on the CPU, with its LoRAs and embeddings.

    Args:
        device: where it is going to be.
        report: called with a line that says what it needs and what there is, before its weights are read.

    Raises:
        UserError: there is none, it cannot be loaded, or it cannot fit.
    """
    path = MODEL if choice.name in (MINIATURE, SECOND_MINIATURE) else Path(choice.name).expanduser()
    try:
        if path.is_dir():
            pipeline = _load_folder(path, choice, device, report)
        elif path.is_file() or path.suffix == ".safetensors":
            pipeline = _load_file(path, choice, device, report)
        else:
            pipeline = _load_folder(_download(choice), choice, device, report)
        require_fitting_texts(pipeline, choice.name)
        load_loras(pipeline, choice.loras)
        load_embeddings(pipeline, choice.embeddings)
        return pipeline
    except (UserError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # whatever the loaders raise for a bad checkpoint: the user needs one line, not which
        raise UserError(f"model {choice.name!r} could not be loaded: {reason_in_words(error)}") from error


def _load_folder(path: Path, choice: ModelChoice, device: torch.device, report: Callable[[str], object]) -> Any:
    from diffusers import DiffusionPipeline

    folder = inspect_folder(path, choice.name, choice.variant)
    dtype = pick_dtype(choice.dtype, device, folder.denoiser)
    needs = needs_of(choice.name, folder.parameters, dtype, offload=choice.offload, quantize=choice.quantize)
    report(f"loading {choice.name}: {needs.require(device)}")
    require_matching_weights(folder, choice.name, choice.variant)
    options: dict[str, Any] = {
        "torch_dtype": dtype,
        "variant": choice.variant,
        "quantization_config": quantization_config(choice.quantize, folder.modules, dtype),
    }
    options |= _for_class(folder) | _second_denoiser(choice.name, dtype)
    try:
        return DiffusionPipeline.from_pretrained(path, use_safetensors=True, **options)
    except (*OF_PYTHON, ValueError):
        require_others_can_be_made(path, choice.name, folder.others)
        raise


def _for_class(folder: ModelFolder) -> dict[str, Any]:
    """Without the safety checker, where the class has one."""
    return WITHOUT_SAFETY_CHECKER if folder.pipeline_class == "StableDiffusionPipeline" else {}


def _second_denoiser(name: str, dtype: torch.dtype) -> dict[str, Any]:
    """In the place of the embedded model's own, where it is asked for."""
    from diffusers import UNet2DConditionModel

    if name != SECOND_MINIATURE:
        return {}
    return {"unet": UNet2DConditionModel.from_pretrained(SECOND / "unet", torch_dtype=dtype, use_safetensors=True)}


def _load_file(path: Path, choice: ModelChoice, device: torch.device, report: Callable[[str], object]) -> Any:
    file = SingleFile(path)
    if choice.variant is not None:
        raise UserError(f"variant {choice.variant!r} chooses among a folder's files; {str(path)!r} is one file")
    if choice.quantize != "none":
        raise UserError(f"quantize {choice.quantize!r}: diffusers quantizes folders and hub ids, not a single file")
    dtype = pick_dtype(choice.dtype, device, file.denoiser)
    needs = needs_of(choice.name, file.parameters, dtype, offload=choice.offload)
    report(f"loading {choice.name}: {needs.require(device)}")
    return file.load(dtype, WITHOUT_SAFETY_CHECKER if file.type in ("v1", "v2") else {})


def _download(choice: ModelChoice) -> Path:
    """The folder of a hub id in the local cache, filled from the hub where it lacks something."""
    from diffusers import DiffusionPipeline
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    name = choice.name
    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise UserError(f"model {name!r} does not exist and is no hub id either; wanted {WANTED}") from error
    try:
        return Path(DiffusionPipeline.download(name, use_safetensors=True, variant=choice.variant))
    except Exception as error:
        index = try_to_load_from_cache(name, INDEX)
        if isinstance(index, str):  # part of it is here: what it lacks is said when it is looked at
            return Path(index).parent
        if "trust_remote_code" in str(error):
            raise UserError(
                f"model {name!r} brings code of its own, which is never run here; wanted a pipeline of diffusers"
            ) from error
        raise UserError(
            f"model {name!r} is not a folder or file here, and the hub could not be reached or has no pipeline of "
            f"that id ({type(error).__name__}); wanted {WANTED}"
        ) from error
