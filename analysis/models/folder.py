"""A folder in diffusers' format, looked at before its weights are read: what is it, and is everything there?

All that is wrong with a folder is said in one line here, since what diffusers and transformers say of it is long, late,
or nothing at all: transformers fills weights that are missing with random numbers.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from whichway.analysis.errors import UserError
from whichway.analysis.files import read_json
from whichway.analysis.models.configurations import OF_PYTHON, cannot_be_made, differing_shapes, require_configurations
from whichway.analysis.models.text_to_image import require_text_to_image
from whichway.analysis.models.weight_files import count_parameters, find_weight_files, kind_of_weights, read_shapes

INDEX = "model_index.json"
TOKENIZER = "tokenizer.json"
NOT_NEEDED = ("safety_checker", "feature_extractor", "image_encoder", "watermark")
#: components that a pipeline of its class works without: Stable Diffusion 3 without T5
MAY_BE_LEFT_OUT = ("text_encoder_3", "tokenizer_3")


@dataclass(frozen=True)
class ModelFolder:
    """What :func:`inspect_folder` learnt.

    Attributes:
        path: where.
        pipeline_class: name of diffusers' class.
        modules: component → its class, of those that have weights.
        others: component → its class, of tokenizers and schedulers.
        parameters: component → how many.
    """

    path: Path
    pipeline_class: str
    modules: Mapping[str, type]
    others: Mapping[str, type]
    parameters: Mapping[str, int]

    @property
    def denoiser(self) -> str:
        return "unet" if "unet" in self.modules else "transformer"


def inspect_folder(path: Path, name: str, variant: str | None = None) -> ModelFolder:
    """Look at a folder without reading its weights; ``name`` is what the user called it.

    Raises:
        UserError: anything that keeps it from being loaded as a text-to-image pipeline, with what would be right.
    """
    pipeline_class, components = _read_index(path, name)
    require_text_to_image(pipeline_class, name)
    _require_all(path, name, pipeline_class, components)
    classes = {
        part: _component_class(name, part, *where) for part, where in components.items() if part not in NOT_NEEDED
    }
    modules = {part: cls for part, cls in classes.items() if issubclass(cls, torch.nn.Module)}
    others = {part: cls for part, cls in classes.items() if part not in modules and cls is not type(None)}
    require_configurations(path, name, modules | others)
    for part, cls in others.items():
        _require_vocabulary(path / part, name, part, cls)
    files = {part: _require_weights(path, name, part, variant) for part in modules}
    if variant is not None and not any(variant in find_weight_files(path / part).by_variant for part in modules):
        raise UserError(f"model {name!r} has no weights of variant {variant!r}; {_variants(path, modules)}")
    parameters = {part: count_parameters(of) for part, of in files.items()}
    folder = ModelFolder(path, pipeline_class, modules, others, parameters)
    require_text_to_image(pipeline_class, name, *(_config(path / part) for part in (folder.denoiser, "vae")))
    return folder


def _read_index(path: Path, name: str) -> tuple[str, dict[str, tuple]]:
    """The pipeline's class, and component → (library, class)."""
    index = path / INDEX
    if not index.is_file():
        raise UserError(
            f"model folder {name!r} has no {INDEX}{_what_it_is(path)}; wanted a folder in diffusers' format"
        )
    try:
        content = read_json(index)
        pipeline_class = content["_class_name"]
        if not isinstance(pipeline_class, str | list):
            raise ValueError("its class has no name")
        components = {
            part: tuple(where) for part, where in content.items() if isinstance(where, list) and part != "_class_name"
        }
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{str(index)!r} is damaged; wanted the {INDEX} of a diffusers pipeline") from error
    import diffusers

    if not isinstance(pipeline_class, str) or not hasattr(diffusers, pipeline_class):
        label = pipeline_class if isinstance(pipeline_class, str) else pipeline_class[-1]
        raise UserError(
            f"model {name!r} brings a pipeline class of its own ({label}), whose code is never run here; "
            "wanted a pipeline of diffusers"
        )
    return pipeline_class, components


def _what_it_is(path: Path) -> str:
    """What a folder without an index probably is."""
    files = [file for file in sorted(path.glob("*.safetensors")) if file.is_file()]
    kinds = {kind_of_weights(read_shapes(file)) for file in files} - {None}
    if (path / "adapter_config.json").is_file() or "LoRA" in kinds:
        return ": it is a LoRA (name the model that it belongs to with --model, and this with --lora)"
    config = _config(path)
    component = config.get("_class_name") or ", ".join(config.get("architectures") or ())
    if component:
        return f": it is a single component ({component}) of a model"
    if files:
        return f": it holds single files; name one of them, such as {files[0].name}"
    pickles = [file.name for file in sorted(path.iterdir()) if file.suffix in (".ckpt", ".bin", ".pt")]
    return f": it holds pickles ({pickles[0]}), which are never read" if pickles else ""


def _config(folder: Path) -> dict[str, Any]:
    try:
        return read_json(folder / "config.json")
    except (OSError, ValueError):
        return {}


def _require_all(path: Path, name: str, pipeline_class: str, components: Mapping[str, tuple]) -> None:
    """Every component that the class needs is named and has a folder."""
    import diffusers

    cls = getattr(diffusers, pipeline_class)
    needed, _ = cls._get_signature_keys(cls)
    optional = {*cls._optional_components, *NOT_NEEDED, *MAY_BE_LEFT_OUT}
    for part in sorted(set(needed) - optional):
        if components.get(part, (None,))[0] is None:
            raise UserError(f"model {name!r} lacks the component {part!r}, which a {pipeline_class} needs")
    for part in sorted(set(components) - {*NOT_NEEDED}):
        if components[part][0] is not None and not (path / part).is_dir():
            raise UserError(f"model {name!r} lacks the folder {part!r}, which its {INDEX} names")


def _component_class(name: str, part: str, library: str | None, class_name: str | None) -> type:
    """The class of a component; of one that is left out: ``type(None)``."""
    import diffusers.pipelines

    if library is None:
        return type(None)
    cls = None
    if library in ("diffusers", "transformers"):
        cls = getattr(importlib.import_module(library), str(class_name), None)
    elif hasattr(diffusers.pipelines, library):
        cls = getattr(getattr(diffusers.pipelines, library), str(class_name), None)
    if not isinstance(cls, type):
        raise UserError(
            f"model {name!r}: its component {part!r} is a {library}.{class_name}, which neither diffusers nor "
            "transformers has here; code that a model brings along is never run"
        )
    return cls


def _require_vocabulary(path: Path, name: str, part: str, cls: Any) -> None:
    """Of a tokenizer without its files transformers makes one that knows no word: all prompts would be the same."""
    files = getattr(cls, "vocab_files_names", {})
    other = [file for kind, file in files.items() if kind != "tokenizer_file"]
    older = bool(other) and all((path / file).is_file() for file in other)
    if files and not ((path / TOKENIZER).is_file() or older or any(path.glob("*.model"))):
        wanted = " or ".join(filter(None, [TOKENIZER, " and ".join(other)]))
        raise UserError(f"model {name!r}: its {part!r} has no vocabulary; wanted {wanted}")


def _require_weights(path: Path, name: str, part: str, variant: str | None) -> tuple[Path, ...]:
    files = find_weight_files(path / part)
    if chosen := files.of(variant):
        return chosen
    if files.by_variant:
        others = [str(other) for other in files.by_variant]
        raise UserError(
            f"model {name!r} has the weights of {part!r} only in the variant {', '.join(others)}; "
            f"add --variant {others[0]} (in Python: variant={others[0]!r})"
        )
    if files.pickles:
        raise UserError(
            f"model {name!r} has the weights of {part!r} only as a pickle ({files.pickles[0].name}), which could run "
            "any code; wanted .safetensors: where you trust it, load it with diffusers and save it with save_pretrained"
        )
    raise UserError(f"model {name!r} has no weights of its component {part!r}; wanted a .safetensors file there")


def _variants(path: Path, modules: Mapping[str, type]) -> str:
    variants = {variant for part in modules for variant in find_weight_files(path / part).by_variant}
    names = sorted(variant for variant in variants if variant is not None)
    return f"there are: {', '.join(names)}" if names else "there are only plain ones: leave --variant out"


# --- weights against classes ------------------------------------------------------------------------------------------


def require_matching_weights(folder: ModelFolder, name: str, variant: str | None = None) -> None:
    """Every weight of every component is in its files, in the right shape. The modules are built without memory.

    Raises:
        UserError: weights that are missing, of another shape, or left over: then they are another model's.
    """
    for part, cls in folder.modules.items():
        if "quantization_config" not in _config(folder.path / part):  # those are packed: other names, other shapes
            _require_matching(folder.path / part, name, part, cls, variant)


def _require_matching(path: Path, name: str, part: str, cls: Any, variant: str | None) -> None:
    has_variant = variant in find_weight_files(path).by_variant
    options: dict[str, Any] = {"output_loading_info": True, "device_map": "meta", "use_safetensors": True}
    if is_of_transformers(cls):
        options["ignore_mismatched_sizes"] = True  # so that they are listed
    from huggingface_hub.errors import StrictDataclassError

    try:
        _, info = cls.from_pretrained(path, **options, variant=variant if has_variant else None)
    except ValueError as error:
        if differing := differing_shapes(error):
            raise UserError(f"model {name!r}: weights of {part!r} do not fit its config.json: {differing}") from error
        raise cannot_be_made(name, part, cls, error) from error
    except (*OF_PYTHON, StrictDataclassError) as error:
        raise cannot_be_made(name, part, cls, error) from error
    for mismatch in sorted(info["mismatched_keys"]):
        key, saved, wanted = mismatch
        raise UserError(
            f"model {name!r}: weights of {part!r} do not fit its config.json: {key} expected shape {tuple(wanted)}, "
            f"but got {tuple(saved)}"
        )
    missing = sorted(info["missing_keys"])
    left_over = sorted(key for key in info["unexpected_keys"] if not key.endswith("position_ids"))
    if missing:
        raise UserError(
            f"model {name!r}: {part!r} lacks {_some(missing)}, which {cls.__name__} has; random numbers would stand in"
        )
    if left_over:
        raise UserError(f"model {name!r}: {part!r} has {_some(left_over)}, which {cls.__name__} has no place for")


def is_of_transformers(cls: type) -> bool:
    from transformers import PreTrainedModel

    return issubclass(cls, PreTrainedModel)


def _some(keys: list[str]) -> str:
    return keys[0] if len(keys) == 1 else f"{keys[0]} and {len(keys) - 1} more weights"
