"""What each method did between two prompts: how far its rows travel, and how smooth its images look."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from whichway.analysis.clouds.ground_metrics import find_ground
from whichway.analysis.fidelity.frame_fidelity import Fidelity, measure_fidelity
from whichway.analysis.models.model import Model
from whichway.analysis.paths.chosen_method import ChosenMethod
from whichway.analysis.runs.endpoint_check import endpoint_error
from whichway.analysis.runs.rendered_paths import RenderedPaths
from whichway.analysis.smoothness.measures import Smoothness, measure_smoothness
from whichway.analysis.smoothness.steps import measure_steps
from whichway.geometry import (
    PointCloud,
    centroid_distance,
    optimal_coupling,
    rms_frobenius,
    transport_cost,
    wasserstein,
)
from whichway.geometry.path import W2


@dataclass(frozen=True)
class MethodResult:
    """One method's part of a comparison.

    Attributes:
        t: of its frames.
        steps: perceptual distances between consecutive frames.
        length: what the path's coupling costs, the root mean square distance between matched rows; None for paths
            without a coupling, and for those on which mass goes over from row to row.
        share_moved: share of the mass carried that changes its row's index; None for paths without a coupling.
        endpoint_error: largest difference, in levels of 255, between the last frame and the image of B itself.
        fidelity: how good the frames in between are as pictures
            (:func:`whichway.analysis.fidelity.frame_fidelity.measure_fidelity`).
    """

    t: list[float]
    steps: list[float]
    smoothness: Smoothness
    length: float | None
    share_moved: float | None
    endpoint_error: int
    fidelity: Fidelity = field(default_factory=dict)


def measure_methods(
    rendered: RenderedPaths, methods: Mapping[str, ChosenMethod], distance: str, model: Model
) -> dict[str, MethodResult]:
    """How smooth each method's images look under the perceptual distance ``distance``, and how good they are."""
    return {name: _measure(rendered, name, methods[name], distance, model) for name in rendered.paths}


def _measure(rendered: RenderedPaths, name: str, method: ChosenMethod, distance: str, model: Model) -> MethodResult:
    path, frames, times = rendered.paths[name].cloud, rendered.frames[name], rendered.times[name]
    ground = find_ground(method.ground, model)
    perceived = measure_steps(frames, distance)
    coupling = getattr(path, "coupling", None)
    keeps_mass = path.length_in == W2
    return MethodResult(
        t=times,
        steps=perceived.steps.tolist(),
        smoothness=measure_smoothness(perceived),
        length=transport_cost(path.start, path.end, coupling, ground=ground) if coupling and keeps_mass else None,
        share_moved=coupling.share_moved if coupling else None,
        endpoint_error=endpoint_error(frames, rendered.image_b),
        fidelity=measure_fidelity(frames, times, rendered.captions, model.pipeline),
    )


def measure_distances(a: PointCloud, b: PointCloud) -> dict[str, float]:
    """Distances between two prompts, over all rows and over the prompts' own tokens.

    Most rows of a conditioning are padding that moves little, so the aggregate alone hides what the words do. Own
    tokens: the leading rows up to the longer prompt's end token, of both clouds.
    """
    own_rows = range(max(a.size, b.size))
    own_a, own_b = a.take(own_rows), b.take(own_rows)
    return {
        "rms_frobenius": rms_frobenius(a, b),
        "wasserstein": wasserstein(a, b),
        "centroid": centroid_distance(a, b),
        "rms_frobenius_own_tokens": rms_frobenius(own_a, own_b),
        "wasserstein_own_tokens": wasserstein(own_a, own_b),
        "share_moved": optimal_coupling(a, b).share_moved,
    }
