"""The pictures of one comparison. Each module draws one figure from values already computed; none touches a model."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from whichway.analysis.errors import writing
from whichway.analysis.pictures.coupling import draw_coupling
from whichway.analysis.pictures.filmstrips import draw_filmstrips
from whichway.analysis.pictures.projection import draw_projection
from whichway.analysis.pictures.steps import draw_steps
from whichway.geometry import PointCloud

if TYPE_CHECKING:
    from whichway.analysis.runs.comparison import Settings
    from whichway.analysis.runs.walk import MethodResult, Walk

__all__ = ["draw_all", "draw_coupling", "draw_filmstrips", "draw_projection", "draw_steps"]


def draw_all(
    folder: Path,
    settings: "Settings",
    ends: tuple[PointCloud, PointCloud],
    walked: "Walk",
    results: Mapping[str, "MethodResult"],
) -> list[Path]:
    """Draw the four pictures of a comparison into ``folder``; returns where they are."""
    paths, times, frames = walked.paths, walked.times, walked.frames
    couplings = {name: path.coupling for name, path in paths.items() if hasattr(path, "coupling")}
    clouds = {name: [path(t) for t in times[name]] for name, path in paths.items()}
    figures = {
        "filmstrips.png": draw_filmstrips(frames, times, settings.prompt_a, settings.prompt_b),
        "steps.png": draw_steps(
            {name: result.steps for name, result in results.items()},
            {name: result.smoothness for name, result in results.items()},
            times,
            settings.metric,
        ),
        "projection.png": draw_projection(clouds, ends[0], method=settings.projection, frames=frames),
        "coupling.png": draw_coupling(couplings, *ends),
    }
    for name, figure in figures.items():
        with writing(folder / name):
            figure.savefig(folder / name)
    return [folder / name for name in figures]
