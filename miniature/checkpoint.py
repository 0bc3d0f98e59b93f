"""Checkpoints of a training stage: one safetensors file, whole or not there at all, bound to its configuration."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file


def save_checkpoint(path: Path, tensors: Mapping[str, torch.Tensor], *, step: int, config: Mapping) -> None:
    """Write aside, flush to the disk, then rename: a kill or a full disk never leaves half a checkpoint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".partial")
    metadata = {"step": str(step), "config": json.dumps(config, sort_keys=True)}
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, aside, metadata)
    with aside.open("rb+") as file:
        os.fsync(file.fileno())
    aside.replace(path)


def load_checkpoint(path: Path, *, config: Mapping) -> tuple[dict[str, torch.Tensor], int]:
    """Tensors and step of a checkpoint.

    Raises:
        ValueError: the checkpoint was written under another configuration (both values are named).
    """
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        saved, wanted = json.loads(metadata.get("config", "{}")), json.loads(json.dumps(config))
        if saved != wanted:
            changed = sorted(key for key in {*saved, *wanted} if saved.get(key) != wanted.get(key))
            differences = "; ".join(f"{key}: {saved.get(key)!r} there, {wanted.get(key)!r} here" for key in changed)
            raise ValueError(
                f"{path} is a checkpoint of another configuration ({differences}); move it away or match it"
            )
        return {name: file.get_tensor(name) for name in file.keys()}, int(metadata["step"])  # noqa: SIM118
