"""Clouds on disk, as safetensors, so that a run can be drawn again without its model."""

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from whichway.analysis.errors import UserError
from whichway.analysis.files import written_whole
from whichway.geometry import PointCloud


def write_clouds(path: Path, clouds: Mapping[str, PointCloud]) -> None:
    """Rows and weights of each cloud under its name; labels, size and source beside them."""
    tensors, descriptions = {}, {}
    for name, cloud in clouds.items():
        tensors[f"{name}.rows"], tensors[f"{name}.weights"] = cloud.rows.contiguous(), cloud.weights.contiguous()
        descriptions[name] = json.dumps({"labels": cloud.labels, "size": cloud.size, "source": cloud.source})
    with written_whole(path) as aside:
        save_file(tensors, aside, metadata=descriptions)


def read_clouds(path: Path) -> dict[str, PointCloud]:
    """The clouds that :func:`write_clouds` wrote.

    Raises:
        UserError: no such file, or a damaged one.
    """
    try:
        with safe_open(path, framework="pt") as file:
            descriptions = {name: json.loads(text) for name, text in file.metadata().items()}
            return {
                name: PointCloud(
                    file.get_tensor(f"{name}.rows"),
                    file.get_tensor(f"{name}.weights"),
                    tuple(about["labels"]),
                    about["size"],
                    about["source"],
                )
                for name, about in sorted(descriptions.items())
            }
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{str(path)!r} holds no clouds, or is damaged") from error
