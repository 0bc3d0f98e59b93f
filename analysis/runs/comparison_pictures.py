"""The four pictures of a comparison, from values already computed."""

from collections.abc import Mapping
from pathlib import Path

from whichway.analysis.files import written_whole
from whichway.analysis.runs.comparison_settings import ComparisonSettings
from whichway.analysis.runs.method_results import MethodResult
from whichway.analysis.runs.rendered_paths import RenderedPaths
from whichway.geometry import PointCloud


def draw_comparison_pictures(
    folder: Path,
    settings: ComparisonSettings,
    ends: tuple[PointCloud, PointCloud],
    rendered: RenderedPaths,
    results: Mapping[str, MethodResult],
) -> list[Path]:
    """Film strips, perceptual steps, projections and couplings, as files in ``folder``; returns where they are."""
    from whichway.analysis.pictures.coupling import draw_coupling  # matplotlib, when frames are there
    from whichway.analysis.pictures.filmstrips import draw_filmstrips
    from whichway.analysis.pictures.projection import draw_projection
    from whichway.analysis.pictures.steps import draw_steps

    times, frames = rendered.times, rendered.frames
    paths = {name: path.cloud for name, path in rendered.paths.items()}
    couplings = {name: path.coupling for name, path in paths.items() if hasattr(path, "coupling")}
    clouds = {name: [path(t) for t in times[name]] for name, path in paths.items()}
    figures = {
        "filmstrips.png": draw_filmstrips(frames, times, settings.prompt_a, settings.prompt_b),
        "steps.png": draw_steps(
            {name: result.steps for name, result in results.items()},
            {name: result.smoothness for name, result in results.items()},
            times,
            settings.perceptual_distance,
        ),
        "projection.png": draw_projection(clouds, ends[0], method=settings.projection, frames=frames),
        "coupling.png": draw_coupling(couplings, *ends),
    }
    for name, figure in figures.items():
        with written_whole(folder / name) as aside:
            figure.savefig(aside)
    return [folder / name for name in figures]
