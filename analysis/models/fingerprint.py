"""A pipeline as it is now → a hash of all that its images depend on: weights, configurations, tokenizer, adapters."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

PLAIN = ("Tensor", "Parameter", "Buffer")  # classes; a quantized tensor has no one address
#: entries of a configuration that say where it came from, not what it is
PROVENANCE = ("_name_or_path", "_diffusers_version", "_use_default_values", "transformers_version")


class Fingerprint:
    """SHA-256 of a pipeline. Weights are read again only when one of them was replaced or written to."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        self._weights: tuple[object, str] | None = None
        self._tokenizers: dict[str, tuple[object, str]] = {}
        self._frozen: str | None = None

    def freeze(self) -> None:
        """Stay as it is now: for a pipeline some of whose components will be let go of."""
        self._frozen = str(self)

    def __str__(self) -> str:
        if self._frozen is not None:
            return self._frozen
        digest = hashlib.sha256()
        for name, part in _parts(self.pipeline):
            settings = self._describe_tokenizer(name, part) if hasattr(part, "get_vocab") else describe(part)
            digest.update(f"{name} {type(part).__name__} {settings}\n".encode())
        digest.update(self._weights_digest().encode())
        return digest.hexdigest()

    def _describe_tokenizer(self, name: str, tokenizer: Any) -> str:
        """Described again only when tokens were added or a length was changed: a large vocabulary takes a while."""
        state = (id(tokenizer), len(tokenizer), tokenizer.model_max_length, str(tokenizer.special_tokens_map))
        if self._tokenizers.get(name, (None,))[0] != state:
            self._tokenizers[name] = state, describe_tokenizer(tokenizer)
        return self._tokenizers[name][1]

    def _weights_digest(self) -> str:
        """Offloaded weights wander between devices: they are read again only when other tensors took their place."""
        offloaded = {name for name, part in _parts(self.pipeline) if hasattr(part, "_hf_hook")}
        state = [
            _identity(name, tensor, moves=name.partition(".")[0] in offloaded)
            for name, tensor in _tensors(self.pipeline)
        ]
        if self._weights is None or (self._weights[0] != state and not any(moved_off for *_, moved_off in state)):
            digest = hashlib.sha256()
            for name, tensor in _tensors(self.pipeline):
                digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
                for plain in _plain_tensors(tensor.detach()):
                    digest.update(plain.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
            self._weights = state, digest.hexdigest()
        return self._weights[1]


def _parts(pipeline: Any) -> Iterator[tuple[str, Any]]:
    for name, part in sorted(pipeline.components.items()):
        if part is not None:
            yield name, part


def _tensors(pipeline: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """All weights and buffers that are loaded, those of adapters included."""
    for name, part in _parts(pipeline):
        if isinstance(part, torch.nn.Module):
            for key, tensor in sorted(part.state_dict(keep_vars=True).items()):
                yield f"{name}.{key}", tensor


def _identity(name: str, tensor: torch.Tensor, *, moves: bool) -> tuple:
    """What changes when a tensor is replaced, or written to in place; last, whether it is not here at all."""
    place = id(tensor) if moves else tensor.data_ptr() if type(tensor).__name__ in PLAIN else id(tensor)
    version = 0 if tensor.is_inference() else tensor._version
    return name, place, version, tensor.dtype, tuple(tensor.shape), tensor.is_meta


def _plain_tensors(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """The tensor, or those that a quantized one is made of."""
    if hasattr(tensor, "__tensor_flatten__"):
        for name in tensor.__tensor_flatten__()[0]:
            yield from _plain_tensors(getattr(tensor, name))
    else:
        yield tensor


def describe(part: Any) -> str:
    """The settings of a component, without the paths that it was loaded from and the version that wrote them."""
    config: Any = getattr(part, "config", {})
    settings: dict[str, Any] = dict(config.to_dict() if hasattr(config, "to_dict") else config)
    settings = {key: value for key, value in settings.items() if key not in PROVENANCE}
    if isinstance(part, torch.nn.Module):
        settings["adapters"] = sorted(_adapters(part))
    return json.dumps(settings, sort_keys=True, default=str)


def describe_tokenizer(tokenizer: Any) -> str:
    """Vocabulary, special tokens, length, and the rules by which text is cut into tokens; not where it came from."""
    settings: dict[str, Any] = {
        "special_tokens": tokenizer.special_tokens_map,
        "model_max_length": tokenizer.model_max_length,
        "padding_side": tokenizer.padding_side,
        "vocabulary": sorted(tokenizer.get_vocab().items()),
    }
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        settings["rules"] = sorted((str(pair), rank) for pair, rank in getattr(tokenizer, "bpe_ranks", {}).items())
    else:
        settings["rules"] = json.loads(backend.to_str())
        for changed_by_use in ("padding", "truncation"):  # of the last text that was read
            settings["rules"].pop(changed_by_use, None)
    return json.dumps(settings, sort_keys=True, default=str)


def _adapters(module: torch.nn.Module) -> Iterator[str]:
    """What changes images and is no weight: active LoRAs with their scales, IP-Adapters' scales, tiled decoding."""
    if getattr(module, "use_tiling", False):
        yield "tiled"
    for name, layer in module.named_modules():
        if type(layer).__name__.startswith("IPAdapter") and hasattr(layer, "scale"):
            yield f"{name}: {layer.scale}"
        scaling = getattr(layer, "scaling", None)
        if isinstance(scaling, dict):
            active = getattr(layer, "active_adapters", ())
            merged = getattr(layer, "merged_adapters", ())
            yield f"{name}: {[(key, scaling.get(key)) for key in active]} merged {list(merged)}"


def digest_of(value: Any) -> str:
    """SHA-256 of what a call is given: numbers, texts, tensors, images, and mappings and sequences of them."""
    digest = hashlib.sha256()
    _add(digest, value)
    return digest.hexdigest()


def _add(digest: Any, value: Any) -> None:
    if isinstance(value, Mapping):
        for name in sorted(value, key=str):
            digest.update(f"{name}:".encode())
            _add(digest, value[name])
    elif isinstance(value, list | tuple):
        digest.update(f"{len(value)}".encode())
        for element in value:
            _add(digest, element)
    elif isinstance(value, torch.Tensor):
        digest.update(f"{value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    elif isinstance(value, np.ndarray) or hasattr(value, "__array_interface__"):  # an image of pillow has it
        array = np.ascontiguousarray(value)
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    else:
        digest.update(repr(value).encode())
