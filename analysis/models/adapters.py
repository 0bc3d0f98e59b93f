"""LoRAs and textual inversion, put into a pipeline of our own by diffusers' loaders; safetensors only."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from whichway.analysis.errors import UserError
from whichway.analysis.models.weight_files import kind_of_weights, read_shapes
from whichway.analysis.optional_packages import install_command


def split_option(text: str) -> tuple[str, str | None]:
    """ "FILE:VALUE" → FILE and VALUE; a file's own name may have colons in it."""
    file, colon, value = text.rpartition(":")
    return (file, value) if colon and not Path(text).expanduser().exists() else (text, None)


def load_loras(pipeline: Any, loras: Sequence[str]) -> None:
    """Load each "FILE", "FILE:SCALE" or hub id, and make all of them active.

    Raises:
        UserError: no such file, not a LoRA, one of another model, a scale that is no number, no peft.
    """
    names, scales = [], []
    for number, text in enumerate(loras):
        where, value = split_option(text)
        names.append(f"lora{number}")
        scales.append(_scale(text, value))
        _load_lora(pipeline, where, names[-1])
    if names:
        pipeline.set_adapters(names, adapter_weights=scales)


def _scale(text: str, value: str | None) -> float:
    try:
        scale = float(value or 1.0)
    except ValueError as error:
        raise UserError(f"lora {text!r}: wanted FILE or FILE:SCALE with a number, got {value!r}") from error
    if not -100 <= scale <= 100:
        raise UserError(f"lora {text!r}: wanted a scale from -100 to 100, got {value}")
    return scale


def _load_lora(pipeline: Any, where: str, name: str) -> None:
    from diffusers.utils import is_peft_available

    if not is_peft_available():
        raise UserError(f"lora: diffusers loads LoRAs with peft; install it with: {install_command('peft')}")
    if not hasattr(pipeline, "load_lora_weights"):
        raise UserError(f"lora {where!r}: a {type(pipeline).__name__} takes no LoRA")
    options = _local(where, "LoRA", "lora")
    try:
        pipeline.load_lora_weights(**options, adapter_name=name, use_safetensors=True)
    except Exception as error:  # whatever the loaders raise, about a cache or about a report above: not what is wrong
        if "weight_name" not in options and not _is_in_cache(where):
            raise UserError(
                f"lora {where!r} is no file here, and the hub could not be reached or has no LoRA of that id; wanted a "
                ".safetensors file, a folder with one, or a hub id (owner/name)"
            ) from error
        raise UserError(
            f"lora {where!r} does not fit a {type(pipeline).__name__}: its layers have other names or sizes; it is of "
            "another model"
        ) from error
    if name not in {adapter for adapters in pipeline.get_list_adapters().values() for adapter in adapters}:
        raise UserError(f"lora {where!r} changes no layer of this {type(pipeline).__name__}; it is of another model")


def _is_in_cache(hub_id: str) -> bool:
    from huggingface_hub import snapshot_download

    try:
        snapshot_download(hub_id, local_files_only=True)
    except (OSError, ValueError):  # nothing of it; no hub id
        return False
    return True


def load_embeddings(pipeline: Any, embeddings: Sequence[str]) -> None:
    """Load each "FILE" or "FILE:TOKEN" of textual inversion. The token's default is the file's name without suffix.

    Raises:
        UserError: no such file, not an embedding, one of another width, a token that is there already.
    """
    for text in embeddings:
        where, token = split_option(text)
        if not hasattr(pipeline, "load_textual_inversion"):
            raise UserError(f"embedding {where!r}: a {type(pipeline).__name__} takes no textual inversion")
        _local(where, "embedding", "embedding")
        _load_embedding(pipeline, Path(where).expanduser(), token)


def _load_embedding(pipeline: Any, path: Path, token: str | None) -> None:
    from safetensors.torch import load_file

    tensors = load_file(path)
    if "clip_l" not in tensors and len(tensors) > 1:
        raise UserError(
            f"embedding {str(path)!r} holds {len(tensors)} tensors; wanted one, or clip_l and clip_g (SDXL)"
        )
    [own_name] = tensors if len(tensors) == 1 else [path.stem]
    token = token or (own_name if own_name != "emb_params" else path.stem)
    for part, vectors in _by_encoder(tensors).items():
        suffix = "" if part == "clip_l" else "_2"
        tokenizer, encoder = (getattr(pipeline, f"{each}{suffix}", None) for each in ("tokenizer", "text_encoder"))
        if tokenizer is None or encoder is None:
            raise UserError(f"embedding {str(path)!r} is of a model with two text encoders (SDXL); this one has one")
        width = encoder.get_input_embeddings().weight.shape[-1]
        if vectors.shape[-1] != width:
            raise UserError(
                f"embedding {str(path)!r} has vectors of width {vectors.shape[-1]}, {part} of this model {width}; "
                "it is of another model"
            )
        try:
            pipeline.load_textual_inversion({token: vectors}, token=token, tokenizer=tokenizer, text_encoder=encoder)
        except ValueError as error:
            names = [token, *(f"{token}_{number}" for number in range(1, len(vectors)))]  # one for each vector
            if taken := [name for name in names if name in tokenizer.get_vocab()]:
                raise UserError(
                    f"embedding {str(path)!r}: the tokenizer has a token {taken[0]!r} already; wanted another one: "
                    "FILE:TOKEN"
                ) from error
            raise UserError(
                f"embedding {str(path)!r}: wanted vectors (k, {width}), got {tuple(vectors.shape)}"
            ) from error


def _by_encoder(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    if "clip_l" in tensors:
        return {part: tensors[part] for part in ("clip_l", "clip_g") if part in tensors}
    [vectors] = tensors.values()
    return {"clip_l": vectors}


def _local(where: str, kind: str, option: str) -> dict[str, str]:
    """What diffusers' loaders are given for a file or a folder here, or a hub id; a file has to be of the kind."""
    path = Path(where).expanduser()
    if path.is_dir():
        files = sorted(path.glob("*.safetensors"))
        if len(files) != 1:
            raise UserError(f"{option} {where!r} holds {len(files)} .safetensors files; name one")
        path = files[0]
    elif not path.suffix and where.count("/") == 1 and kind == "LoRA":
        return {"pretrained_model_name_or_path_or_dict": where}
    try:
        actual = kind_of_weights(read_shapes(path))
    except UserError as error:
        raise UserError(f"{option}: {error}") from error
    if kind == "LoRA" and actual != "LoRA":
        raise UserError(
            f"{option} {where!r} is no LoRA{f' but an {actual}' if actual else ''}; its tensors have other names"
        )
    if kind == "embedding" and actual == "LoRA":
        raise UserError(f"{option} {where!r} is a LoRA; name it with --lora")
    return {"pretrained_model_name_or_path_or_dict": str(path.parent), "weight_name": path.name}
