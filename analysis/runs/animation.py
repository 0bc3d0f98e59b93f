"""A film of the path of one method."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from whichway.analysis.errors import UserError
from whichway.analysis.models.model import Model
from whichway.analysis.models.with_model import with_model
from whichway.analysis.runs.comparison_settings import ComparisonSettings
from whichway.analysis.runs.film import require_writable, write_film
from whichway.analysis.runs.rendered_paths import render_paths
from whichway.analysis.runs.run import open_run, run_name

KIND = "film"


def animate(
    settings: ComparisonSettings,
    film: Path,
    *,
    fps: float = 12,
    ping_pong: bool = False,
    out: Path | None = None,
    model: Model | None = None,
    report: Callable[[str], object] = lambda line: None,
) -> Path:
    """Render the path of the one method in ``settings`` and write it as a film; returns ``film``.

    Args:
        fps: frames a second.
        ping_pong: there and back again.
        out: folder of the frames, resumable as that of a comparison.

    Raises:
        UserError: not one method; what :func:`~whichway.analysis.runs.film.write_film` and
            :func:`~whichway.analysis.runs.run.open_run` refuse.
    """
    if len(settings.methods) != 1:
        raise UserError(f"method: wanted one, got {len(settings.methods)}")
    require_writable(film, fps)
    settings, model = with_model(settings, model, report)
    identity = settings.identity | model.identity
    folder = out or Path("runs") / run_name([*settings.prompts.values(), "film"], identity)
    with open_run(folder, KIND, identity=identity, settings=asdict(settings), model=model, report=report) as run:
        start, end = model.encode([settings.prompt_a]) + model.encode([settings.prompt_b])
        rendered = render_paths(
            run.renderer(settings.sampling),
            (start, end),
            settings.chosen_methods,
            frames=settings.frames,
            distance=settings.perceptual_distance,
            seed=settings.sampling.seed,
        )
        write_film(rendered.frames[settings.methods[0]], film, fps=fps, ping_pong=ping_pong)
    return film
