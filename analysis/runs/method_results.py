"""What each method did between two prompts: how far its rows travel, and how smooth its images look."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from whichway.analysis.clouds.ground_metrics import find_ground
from whichway.analysis.clouds.parts import measure_name, named_by_encoder
from whichway.analysis.fidelity.frame_fidelity import Fidelity, measure_fidelity
from whichway.analysis.models.model import Model
from whichway.analysis.paths.chosen_method import ChosenMethod
from whichway.analysis.runs.endpoint_check import endpoint_error
from whichway.analysis.runs.rendered_paths import RenderedPaths
from whichway.analysis.smoothness.measures import Smoothness, measure_smoothness
from whichway.analysis.smoothness.steps import measure_steps
from whichway.geometry import GroundMetric, transport_cost
from whichway.geometry.path import W2, Path


@dataclass(frozen=True)
class MethodResult:
    """One method's part of a comparison.

    Attributes:
        t: of its frames.
        steps: perceptual distances between consecutive frames.
        lengths: encoder → what its path's coupling costs, the root mean square distance between matched rows; None for
            paths without a coupling, and for those on which mass goes over from row to row.
        shares_moved: encoder → share of the mass carried that changes its row's index; None for paths without a
            coupling.
        endpoint_error: largest difference, in levels of 255, between the last frame and the image of B itself.
        fidelity: how good the frames in between are as pictures
            (:func:`whichway.analysis.fidelity.frame_fidelity.measure_fidelity`).
    """

    t: list[float]
    steps: list[float]
    smoothness: Smoothness
    lengths: Mapping[str, float | None]
    shares_moved: Mapping[str, float | None]
    endpoint_error: int
    fidelity: Fidelity = field(default_factory=dict)

    @property
    def length(self) -> float | None:
        """Of the only cloud's path; with several, each has its own in ``lengths``."""
        return _only(self.lengths)

    @property
    def share_moved(self) -> float | None:
        """As :attr:`length`."""
        return _only(self.shares_moved)

    def as_json(self) -> dict[str, Any]:
        """Measures of several encoders under names of their own: ``length_clip``, ``length_t5``."""
        return {
            "t": self.t,
            "steps": self.steps,
            "smoothness": asdict(self.smoothness),
            **named_by_encoder({encoder: {"length": length} for encoder, length in self.lengths.items()}),
            **named_by_encoder({encoder: {"share_moved": share} for encoder, share in self.shares_moved.items()}),
            "endpoint_error": self.endpoint_error,
            "fidelity": self.fidelity,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any], encoders: Collection[str]) -> "MethodResult":
        """What :meth:`as_json` made.

        Raises:
            TypeError, KeyError: results of other names.
        """
        return cls(
            content["t"],
            content["steps"],
            Smoothness(**content["smoothness"]),
            {encoder: content[measure_name("length", encoder, encoders)] for encoder in encoders},
            {encoder: content[measure_name("share_moved", encoder, encoders)] for encoder in encoders},
            content["endpoint_error"],
            content["fidelity"],
        )


def _only(by_encoder: Mapping[str, float | None]) -> float | None:
    return next(iter(by_encoder.values())) if len(by_encoder) == 1 else None


def measure_methods(
    rendered: RenderedPaths, methods: Mapping[str, ChosenMethod], distance: str, model: Model
) -> dict[str, MethodResult]:
    """How smooth each method's images look under the perceptual distance ``distance``, and how good they are."""
    return {name: _measure(rendered, name, methods[name], distance, model) for name in rendered.paths}


def _measure(rendered: RenderedPaths, name: str, method: ChosenMethod, distance: str, model: Model) -> MethodResult:
    path, frames, times = rendered.paths[name], rendered.frames[name], rendered.times[name]
    ground = find_ground(method.ground, model)
    perceived = measure_steps(frames, distance)
    return MethodResult(
        t=times,
        steps=perceived.steps.tolist(),
        smoothness=measure_smoothness(perceived),
        lengths={encoder: coupled_length(cloud, ground) for encoder, cloud in path.clouds.items()},
        shares_moved={encoder: share_moved(cloud) for encoder, cloud in path.clouds.items()},
        endpoint_error=endpoint_error(frames, rendered.images_of_ends[name]),
        fidelity=measure_fidelity(frames, times, rendered.captions, model.pipeline),
    )


def coupled_length(path: Path, ground: GroundMetric) -> float | None:
    """What the path's coupling costs in W_2; None without a coupling, or where mass goes over from row to row."""
    coupling = getattr(path, "coupling", None)
    if coupling is None or path.length_in != W2:
        return None
    return transport_cost(path.start, path.end, coupling, ground=ground)


def share_moved(path: Path) -> float | None:
    """Share of the mass carried that changes its row's index; None without a coupling."""
    coupling = getattr(path, "coupling", None)
    return None if coupling is None else float(coupling.share_moved)
