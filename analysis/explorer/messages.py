"""What the page is told of a leg: distances, couplings, pictures."""

from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from whichway.analysis.clouds.parts import measure_name
from whichway.analysis.clouds.prompt_distances import measure_distances
from whichway.analysis.explorer.leg import Leg
from whichway.analysis.pictures.coupling import gather_padding, token_labels
from whichway.analysis.runs.frame_store import Picture
from whichway.analysis.runs.method_results import coupled_length
from whichway.geometry import Coupling, GroundMetric, PointCloud

#: distances of two prompts that the page shows
SHOWN = ("wasserstein", "rms_frobenius", "wasserstein_own_tokens", "rms_frobenius_own_tokens", "share_moved")


class Message(NamedTuple):
    """JSON with a ``kind``, and binary buffers (PNG)."""

    content: dict[str, Any]
    buffers: tuple[bytes, ...] = ()


def leg_message(leg: Leg, ground: GroundMetric) -> dict[str, Any]:
    """Distances of the two prompts, and each method's coupling and length; of each encoder, and of pooled vectors."""
    encoders = tuple(leg.start.clouds)
    couplings, lengths = [], []
    for method, path in leg.paths.items():
        if method in leg.unsolved:  # not its own, but those of the path that the search starts from
            continue
        for encoder, own in path.clouds.items():
            about = {"method": method, "encoder": encoder if len(encoders) > 1 else ""}
            coupling: Coupling | None = getattr(own, "coupling", None)
            if coupling is not None:
                couplings.append(about | coupling_message(coupling, own.start, own.end))
            length = coupled_length(own, ground)
            if length is not None:
                lengths.append(about | {"length": length})
    distances = measure_distances(leg.start, leg.end)
    clouds = [
        {"encoder": encoder if len(encoders) > 1 else ""}
        | {measure: distances[measure_name(measure, encoder, encoders)] for measure in SHOWN}
        for encoder in encoders
    ]
    vectors = [
        {"name": name, "distance": distances[f"distance_{name}"], "angle": distances[f"angle_{name}"]}
        for name in leg.start.vectors
    ]
    return {"clouds": clouds, "vectors": vectors, "couplings": couplings, "lengths": lengths}


def coupling_message(coupling: Coupling, a: PointCloud, b: PointCloud) -> dict[str, Any]:
    """Tokens of both prompts, padding gathered into one, and how many rows travel from which to which."""
    rows = gather_padding(coupling.plan(len(a), len(b)).numpy() * len(a), a.size, b.size)
    atoms = [(int(i), int(j), round(float(rows[i, j]), 3)) for i, j in zip(*np.nonzero(rows > 5e-3), strict=True)]
    return {"a": token_labels(a), "b": token_labels(b), "atoms": atoms, "share_moved": coupling.share_moved}


def as_png(picture: Picture) -> bytes:
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()
