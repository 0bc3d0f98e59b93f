"""Conditionings on disk, as safetensors, so that a run can be drawn again without its model."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from whichway.analysis.errors import UserError
from whichway.analysis.families.conditioning import Conditioning
from whichway.analysis.files import write_safetensors
from whichway.geometry import PointCloud

TEXT = "text"  # the encoder whose cloud stands under the conditioning's own name


def write_conditionings(path: Path, conditionings: Mapping[str, Conditioning]) -> None:
    """Under ``A.t5.rows`` and ``A.t5.weights`` the rows and weights that the encoder t5 made of A, under
    ``A.pooled.vector`` its pooled vector; ``A.rows`` and ``A.weights`` are those of an encoder called text. Labels,
    size and source, and a mass that is not one for each row, stand beside them.
    """
    tensors, descriptions = {}, {}
    for name, conditioning in conditionings.items():
        for place, (encoder, cloud) in enumerate(conditioning.clouds.items()):
            key = name if encoder == TEXT else f"{name}.{encoder}"
            tensors[f"{key}.rows"], tensors[f"{key}.weights"] = _alone(cloud.rows), _alone(cloud.weights)
            about: dict[str, Any] = {"labels": cloud.labels, "size": cloud.size, "source": cloud.source}
            if conditioning.masses[encoder] != len(cloud):
                about["mass"] = conditioning.masses[encoder]
            if place:  # the file has no order of its own
                about["place"] = place
            descriptions[key] = json.dumps(about)
        for part, vector in conditioning.vectors.items():
            tensors[f"{name}.{part}.vector"] = _alone(vector)
    write_safetensors(path, tensors, descriptions)


def read_conditionings(path: Path) -> dict[str, Conditioning]:
    """The conditionings that :func:`write_conditionings` wrote.

    Raises:
        UserError: no such file, or a damaged one.
    """
    clouds: dict[str, dict[str, PointCloud]] = {}
    masses: dict[str, dict[str, float]] = {}
    vectors: dict[str, dict[str, Any]] = {}
    try:
        with safe_open(path, framework="pt") as file:
            descriptions = {key: json.loads(text) for key, text in file.metadata().items()}
            for key in sorted(file.keys(), key=lambda key: _place(descriptions, key)):
                *before, what = key.split(".")
                name, part = before[0], before[1] if len(before) > 1 else TEXT
                if what == "vector":
                    vectors.setdefault(name, {})[part] = file.get_tensor(key)
                elif what == "rows":
                    own = ".".join(before)
                    cloud = _cloud(file.get_tensor(key), file.get_tensor(f"{own}.weights"), descriptions[own])
                    clouds.setdefault(name, {})[part] = cloud
                    masses.setdefault(name, {})[part] = float(descriptions[own].get("mass", len(cloud)))
        return {
            name: Conditioning(own, masses[name], vectors.get(name, {}), next(iter(own.values())).source)
            for name, own in sorted(clouds.items())
        }
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{str(path)!r} holds no conditionings, or is damaged") from error


def _alone(tensor: Tensor) -> Tensor:
    """Safetensors takes no two tensors that share their memory, as the clouds of one matrix do."""
    return tensor.contiguous().clone()


def _place(descriptions: Mapping[str, Mapping], key: str) -> int:
    return descriptions.get(key.rpartition(".")[0], {}).get("place", 0)


def _cloud(rows: Any, weights: Any, about: Mapping[str, Any]) -> PointCloud:
    return PointCloud(rows, weights, tuple(about["labels"]), about["size"], about["source"])
