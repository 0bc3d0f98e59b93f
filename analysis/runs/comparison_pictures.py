"""The pictures of a comparison, from values already computed."""

from collections.abc import Mapping
from pathlib import Path

from whichway.analysis.files import written_whole
from whichway.analysis.runs.change_by_part import ChangeByPart, MovedAlone, titles_of_moves
from whichway.analysis.runs.comparison_settings import ComparisonSettings
from whichway.analysis.runs.method_results import MethodResult
from whichway.analysis.runs.rendered_paths import RenderedPaths


def draw_comparison_pictures(
    folder: Path,
    settings: ComparisonSettings,
    rendered: RenderedPaths,
    results: Mapping[str, MethodResult],
    moved_alone: MovedAlone | None,
    change: ChangeByPart | None,
) -> list[Path]:
    """Film strips, perceptual steps, projections and couplings, as files in ``folder``; returns where they are.

    Where a text has several parts, also the images that each makes alone.
    """
    from whichway.analysis.pictures.change_by_part import draw_change_by_part  # matplotlib, when frames are there
    from whichway.analysis.pictures.coupling import draw_couplings
    from whichway.analysis.pictures.filmstrips import draw_filmstrips
    from whichway.analysis.pictures.projection import draw_projections
    from whichway.analysis.pictures.steps import draw_steps

    times, frames = rendered.times, rendered.frames
    start, end = rendered.ends
    held = {"start": "with A's pooled vector, held", "end": "the pooled vector is B's from the start"}
    holds_start = any(method.pooled == "start" for method in settings.chosen_methods.values())
    figures = {
        "filmstrips.png": draw_filmstrips(
            frames, times, settings.prompt_a, settings.prompt_b, note=held.get(settings.pooled, "")
        ),
        "steps.png": draw_steps(
            {name: result.steps for name, result in results.items()},
            {name: result.smoothness for name, result in results.items()},
            times,
            settings.perceptual_distance,
        ),
        "projection.png": draw_projections(
            rendered.clouds, start.clouds, method=settings.projection, frames=frames, one_image=not holds_start
        ),
        "coupling.png": draw_couplings(rendered.couplings, start.clouds, end.clouds),
    }
    if moved_alone and change:
        figures["change_by_part.png"] = draw_change_by_part(
            moved_alone.image_a,
            (moved_alone.halfway, moved_alone.end),
            (change.halfway, change.end),
            (f"halfway\n({change.method})", "all the way"),
            titles_of_moves(change.end, start.clouds),
            distance=change.distance,
            prompts=(settings.prompt_a, settings.prompt_b),
        )
    for name, figure in figures.items():
        with written_whole(folder / name) as aside:
            figure.savefig(aside)
    return [folder / name for name in figures]
