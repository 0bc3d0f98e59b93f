"""Weights on disk, known from their headers: how many parameters, under which names and of which shapes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from whichway.analysis.errors import UserError

#: "model.safetensors", "model.fp16.safetensors", "model-00001-of-00002.safetensors", "model.fp16-00001-of-00002. …"
NAME = re.compile(
    r"(?P<stem>model|diffusion_pytorch_model)(\.(?P<variant>\w+))?(-\d+-of-\d+)?(\.(?P<late_variant>\w+))?\.safetensors"
)
PICKLES = (".bin", ".ckpt", ".pt", ".pth")


@dataclass(frozen=True)
class WeightFiles:
    """The safetensors files of one component's folder, by variant; None is the plain one."""

    by_variant: Mapping[str | None, tuple[Path, ...]]
    pickles: tuple[Path, ...]

    def of(self, variant: str | None) -> tuple[Path, ...]:
        """The files that diffusers reads: those of the variant, and the plain ones where a component lacks it."""
        return self.by_variant.get(variant) or self.by_variant.get(None) or ()


def find_weight_files(folder: Path) -> WeightFiles:
    by_variant: dict[str | None, tuple[Path, ...]] = {}
    for path in sorted(folder.iterdir()):
        if match := NAME.fullmatch(path.name):
            variant = match["variant"] or match["late_variant"]
            by_variant[variant] = (*by_variant.get(variant, ()), path)
    return WeightFiles(by_variant, tuple(path for path in sorted(folder.iterdir()) if path.suffix in PICKLES))


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name → shape of each tensor, from the file's header: no weights are read.

    Raises:
        UserError: no such file, or not a safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise UserError(f"file {str(path)!r} does not exist")
    if path.suffix in PICKLES:
        raise UserError(
            f"file {str(path)!r} is a pickle, which could run any code; wanted .safetensors: convert it, or load it "
            "with diffusers where you trust it and save it with save_pretrained"
        )
    try:
        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"file {str(path)!r} is damaged, or no safetensors file; wanted a whole .safetensors file, or a folder"
        ) from error


def count_parameters(files: tuple[Path, ...]) -> int:
    return sum(prod(shape) for path in files for shape in read_shapes(path).values())


def kind_of_weights(names: Iterator[str] | Mapping[str, object]) -> str | None:
    """What a file that is no whole model holds, by the names of its tensors: None where they do not say."""
    keys = list(names)
    if any(re.search(r"lora_|\.lora\.|\.hada_|\.lokr_|\.dora_scale", key) for key in keys):
        return "LoRA"
    if (
        keys
        and len(keys) <= 4
        and all(key in ("emb_params", "clip_l", "clip_g") or key.startswith("<") for key in keys)
    ):
        return "embedding"
    if any(key.startswith("ip_adapter.") for key in keys):
        return "IP-Adapter"
    return None
