"""What the page is told of a leg: distances, couplings, pictures."""

from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from whichway.analysis.explorer.leg import Leg
from whichway.analysis.pictures.coupling import gather_padding, token_labels
from whichway.analysis.runs.frame_store import Picture
from whichway.analysis.runs.method_results import measure_distances
from whichway.geometry import Coupling, GroundMetric, PointCloud, transport_cost
from whichway.geometry.path import W2


class Message(NamedTuple):
    """JSON with a ``kind``, and binary buffers (PNG)."""

    content: dict[str, Any]
    buffers: tuple[bytes, ...] = ()


def leg_message(leg: Leg, ground: GroundMetric) -> dict[str, Any]:
    """Distances of the two prompts, and each method's coupling and length."""
    couplings, lengths = {}, {}
    for method, path in leg.paths.items():
        coupling: Coupling | None = getattr(path.cloud, "coupling", None)
        if coupling is not None:
            couplings[method] = coupling_message(coupling, leg.start, leg.end)
            if path.cloud.length_in == W2:
                lengths[method] = transport_cost(leg.start, leg.end, coupling, ground=ground)
    return {"distances": measure_distances(leg.start, leg.end), "couplings": couplings, "lengths": lengths}


def coupling_message(coupling: Coupling, a: PointCloud, b: PointCloud) -> dict[str, Any]:
    """Tokens of both prompts, padding gathered into one, and how many rows travel from which to which."""
    rows = gather_padding(coupling.plan(len(a), len(b)).numpy() * len(a), a.size, b.size)
    atoms = [(int(i), int(j), round(float(rows[i, j]), 3)) for i, j in zip(*np.nonzero(rows > 5e-3), strict=True)]
    return {"a": token_labels(a), "b": token_labels(b), "atoms": atoms, "share_moved": coupling.share_moved}


def as_png(picture: Picture) -> bytes:
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()
