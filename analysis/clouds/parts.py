"""A conditioning part by part: the cloud of each encoder, and each vector beside them, which is the cloud of one row.

What is done with the only cloud of Stable Diffusion is done with each part: a distance, a matrix, a map, a panel for
each. They are never added up: the encoders' spaces have units of their own, and nothing says what one is worth in
another.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning
from whichway.geometry import PointCloud

ALL = "all"
Value = TypeVar("Value")


def parts_of(conditioning: Conditioning) -> dict[str, PointCloud]:
    """Name → cloud: the encoders' first, then each vector v as δ_v, in one row without a label."""
    vectors = {
        name: PointCloud(vector[None], source=conditioning.source) for name, vector in conditioning.vectors.items()
    }
    return {**conditioning.clouds, **vectors}


def choose_parts(requested: Sequence[str], conditioning: Conditioning) -> tuple[str, ...]:
    """The parts that the user named, in the conditioning's order; all of them for "all".

    Raises:
        UserError: a part that the conditioning does not have, or none named.
    """
    known = (*conditioning.clouds, *conditioning.vectors)
    unknown = [name for name in requested if name not in (ALL, *known)]
    if unknown or not requested:
        named = f"unknown {unknown[0]!r}" if unknown else "none named"
        raise UserError(f"parts: {named}; this model's texts have {', '.join(known)}, or {ALL}")
    return known if ALL in requested else tuple(name for name in known if name in requested)


def file_of_part(path: Path, part: str, conditioning: Conditioning) -> Path:
    """``path`` where the conditioning has one part; of several, each has a file with its name: ``D-t5.npy``."""
    return path if len(parts_of(conditioning)) == 1 else path.with_stem(f"{path.stem}-{part}")


def measure_name(measure: str, encoder: str, encoders: Collection[str]) -> str:
    """What a measure of one encoder's cloud is called in files and tables: by its own name where there is one encoder,
    else with the encoder's after it ("wasserstein_t5").
    """
    return measure if len(encoders) == 1 else f"{measure}_{encoder}"


def named_by_encoder(measures: Mapping[str, Mapping[str, Value]]) -> dict[str, Value]:
    """encoder → measure → value, flat, under :func:`measure_name`."""
    return {
        measure_name(measure, encoder, measures): value
        for encoder, of_encoder in measures.items()
        for measure, value in of_encoder.items()
    }


def is_measure(name: str, measure: str) -> bool:
    """Whether :func:`measure_name` calls that measure so, of any encoder."""
    return name == measure or name.startswith(f"{measure}_")
