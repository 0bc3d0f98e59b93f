"""One comparison of methods from prompt A to prompt B: a run in a folder, resumable, from encoding to pictures."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from whichway.analysis.clouds.ground_metrics import write_cross_attention
from whichway.analysis.clouds.prompt_distances import Distances, measure_distances
from whichway.analysis.families.conditioning_file import write_conditionings
from whichway.analysis.fidelity.frame_fidelity import describe_instruments
from whichway.analysis.files import write_json
from whichway.analysis.images.guidance import negative_ends
from whichway.analysis.models.model import Model
from whichway.analysis.models.with_model import with_model
from whichway.analysis.runs.change_by_part import ChangeByPart, measure_changes, render_moved_alone
from whichway.analysis.runs.comparison_pictures import draw_comparison_pictures
from whichway.analysis.runs.comparison_settings import ComparisonSettings
from whichway.analysis.runs.endpoint_check import EndpointCheck, endpoint_tolerance
from whichway.analysis.runs.frame_recipe import path_recipes
from whichway.analysis.runs.method_results import MethodResult, measure_methods
from whichway.analysis.runs.photographs import invert_photographs
from whichway.analysis.runs.rendered_paths import render_paths
from whichway.analysis.runs.run import Run, open_run, run_name
from whichway.analysis.smoothness.perceptual_distance import require_available

KIND = "comparison"
CONDITIONINGS = "clouds.safetensors"  # in the run's folder: A and B
GROUND = "ground.safetensors"  # the model's metric, where rows are matched by it


@dataclass(frozen=True)
class Comparison:
    """A finished comparison: where it is, how far apart the prompts are, and what each method did.

    Attributes:
        distances: :func:`whichway.analysis.clouds.prompt_distances.measure_distances`.
        change_by_part: which part of the text carried the change; None where a text is one cloud and nothing else.
        endpoint_check: whether every path ends in the image of B; without that, nothing else means what it says.
        rendered, reused: numbers of frames.
    """

    folder: Path
    settings: ComparisonSettings
    distances: Distances
    results: dict[str, MethodResult]
    change_by_part: ChangeByPart | None
    endpoint_check: EndpointCheck
    rendered: int
    reused: int
    pictures: list[Path]


def compare(
    settings: ComparisonSettings,
    *,
    out: Path | None = None,
    model: Model | None = None,
    report: Callable[[str], object] = lambda line: None,
) -> Comparison:
    """Encode, build the paths, render what is missing, measure, draw; everything lands in one folder.

    Args:
        out: the run's folder; default ``runs/<prompts>-<hash of the settings>``. One that holds a run of other prompts,
            model, sampling or matching is refused.
        model: a loaded model, where the caller has one; default: loads ``settings.model``.
        report: called with one line at a time that says what is going on.

    Raises:
        UserError: the folder cannot be written, holds another run or is worked on by another process; a model that
            cannot be loaded.
    """
    require_available(settings.perceptual_distance)  # before an hour of rendering, not after it
    settings, model = with_model(settings, model, report)
    invert_photographs(model, [*settings.prompts.values()], settings.sampling, report)
    identity = settings.identity | model.identity
    measuring = [settings.methods, settings.frames, settings.perceptual_distance, settings.parametrisation]
    folder = out or Path("runs") / run_name([*settings.prompts.values()], identity, measuring)
    with open_run(folder, KIND, identity=identity, settings=asdict(settings), model=model, report=report) as run:
        return _compare(run, settings)


def _compare(run: Run, settings: ComparisonSettings) -> Comparison:
    start, end = run.model.encode([settings.prompt_a]) + run.model.encode([settings.prompt_b])
    sampling = settings.sampling.resolved(run.model.defaults)
    if negatives := negative_ends(run.model, sampling, settings.negative_prompt_end):
        start, end = (replace(each, negative=own) for each, own in zip((start, end), negatives, strict=True))
    write_conditionings(run.folder / CONDITIONINGS, {"A": start, "B": end})
    methods, seed, distance = settings.chosen_methods, settings.sampling.seed, settings.perceptual_distance
    if any(method.ground == "cross-attention" for method in methods.values()):
        write_cross_attention(run.folder / GROUND, run.model)
    prompts = (settings.prompt_a, settings.prompt_b)
    renderer = run.renderer(settings.sampling, path_recipes(prompts, methods, seed=seed, negatives=settings.negatives))
    rendered = render_paths(
        renderer,
        (start, end),
        methods,
        frames=settings.frames,
        distance=distance,
        seed=seed,
        geodesic=settings.geodesic,
    )
    moved_alone = render_moved_alone(renderer, (start, end), methods, seed=seed)
    run.report(f"measuring with {distance}")
    results = measure_methods(rendered, methods, distance, run.model)
    distances = measure_distances(start, end)
    change = measure_changes(moved_alone, distance) if moved_alone else None
    tolerance = endpoint_tolerance(run.model, settings.sampling, rows=sum(map(len, end.clouds.values())))
    check = EndpointCheck({name: result.endpoint_error for name, result in results.items()}, tolerance)
    metrics = {
        "distances": distances,
        "perceptual_distance": distance,
        "fidelity_measured_by": describe_instruments(run.model.pipeline),
        "endpoint_check": check.as_json(),
        "methods": {name: result.as_json() for name, result in results.items()},
    }
    write_json(run.folder / "metrics.json", metrics | ({"change_by_part": asdict(change)} if change else {}))
    run.report("drawing")
    pictures = draw_comparison_pictures(run.folder, settings, rendered, results, moved_alone, change)
    counts = renderer.rendered, renderer.reused
    return Comparison(run.folder, settings, distances, results, change, check, *counts, pictures)
