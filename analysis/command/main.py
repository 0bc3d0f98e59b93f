"""The command ``whichway``. Options only; what does the work is imported when it is needed."""

import sys
import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

#: the defaults of ``Settings``, repeated because importing it would load torch before ``--help`` is printed;
#: a test holds the two together
DEFAULTS = {
    "methods": "identity,random,optimal,slerp",
    "ground": "euclidean",
    "tokens": "all",
    "parametrisation": "uniform",
    "frames": 9,
    "seed": 0,
    "steps": 20,
    "guidance": 3.0,
    "model": "miniature",
    "sampler": "own",
    "metric": "efficientnet",
    "projection": "pca",
    "device": "auto",
    "dtype": "auto",
}
INTERRUPTED = 130


def said_in_one_line(kept: str) -> Callable[[Callable], Callable]:
    """Turn what the user can mend into one line and exit status 2, and Ctrl-C into what is ``kept``: a promise."""

    def decorate(command: Callable) -> Callable:
        return wraps(command)(lambda *args, **kwargs: _run(command, kept, *args, **kwargs))

    return decorate


def _run(command: Callable, kept: str, *args: object, **kwargs: object) -> None:
    warnings.showwarning = lambda message, *_: click.echo(f"Warning: {message}", err=True)
    try:
        command(*args, **kwargs)
    except KeyboardInterrupt:
        click.echo(f"\nInterrupted. {kept}", err=True)
        sys.exit(INTERRUPTED)
    except Exception as error:
        from whichway.analysis.errors import UserError

        if not isinstance(error, UserError):
            raise
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100})
@click.version_option(package_name="whichway")
def main() -> None:
    """The geometry of prompt embeddings: which way from B to A?"""


@main.command()
@click.argument("prompt_a", metavar="PROMPT_A")
@click.argument("prompt_b", metavar="PROMPT_B")
@click.option(
    "--methods",
    default=DEFAULTS["methods"],
    help="Ways from A to B, separated by commas; 'whichway methods' lists them. An @ adds a choice: optimal@cosine.",
)
@click.option("--ground", default=DEFAULTS["ground"], help="Metric by which rows are matched; see 'whichway methods'.")
@click.option("--tokens", default=DEFAULTS["tokens"], help="Rows that may be matched: all, own or words.")
@click.option(
    "--parametrisation", default=DEFAULTS["parametrisation"], help="uniform, constant-speed, beta or perceptual."
)
@click.option("--frames", default=DEFAULTS["frames"], help="Images along each path, at least 2.")
@click.option("--seed", default=DEFAULTS["seed"], help="Of the initial noise and of the random coupling.")
@click.option("--steps", default=DEFAULTS["steps"], help="Sampling steps for each image.")
@click.option("--guidance", default=DEFAULTS["guidance"], help="Classifier-free guidance scale; 1 or less: none.")
@click.option("--model", default=DEFAULTS["model"], help="'miniature', a hub id, a folder or a .safetensors file.")
@click.option("--sampler", default=DEFAULTS["sampler"], help="own (the model's), ddim, dpm, euler or unipc.")
@click.option("--metric", default=DEFAULTS["metric"], help="Perceptual distance: efficientnet, ssim, flip or lpips.")
@click.option("--projection", default=DEFAULTS["projection"], help="Of the paths on a plane: pca, mds or umap.")
@click.option("--device", default=DEFAULTS["device"], type=click.Choice(["auto", "cpu", "cuda", "mps"]), help="Where.")
@click.option(
    "--dtype",
    default=DEFAULTS["dtype"],
    type=click.Choice(["auto", "float32", "float16", "bfloat16"]),
    help="Precision of the model; auto: float16 on cuda, else float32.",
)
@click.option("--compile", "compiled", is_flag=True, help="torch.compile: a minute first, then each frame faster.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run.  [default: runs/<name from a hash>]")
@said_in_one_line("Finished frames are kept; the same command continues.")
def compare(prompt_a: str, prompt_b: str, methods: str, out: Path | None, **options: Any) -> None:
    """Walk from PROMPT_A to PROMPT_B by several methods, render and measure the way, and draw it.

    Everything lands in one folder: frames, film strips, perceptual steps, projections, couplings, metrics. Frames that
    are there already are reused, so an interrupted run is continued by the same command.
    """
    from whichway.analysis.command.tables import show_comparison
    from whichway.analysis.runs.comparison import Settings
    from whichway.analysis.runs.comparison import compare as run

    settings = Settings(prompt_a, prompt_b, methods=_names(methods), **options)
    click.echo(f"loading {settings.model}", err=True)
    show_comparison(run(settings, out=out, report=lambda line: click.echo(line, err=True)))


@main.command()
@click.argument("prompt_a", metavar="PROMPT_A")
@click.argument("prompt_b", metavar="PROMPT_B")
@click.argument("film", metavar="FILM.mp4|.gif|.webp", type=click.Path(path_type=Path))
@click.option("--method", default="optimal", help="The way from A to B; 'whichway methods' lists them.")
@click.option("--parametrisation", default="perceptual", help="uniform, constant-speed, beta or perceptual.")
@click.option("--frames", default=25, help="Images along the path, at least 2.")
@click.option("--fps", default=12.0, help="Frames a second.")
@click.option("--ping-pong", is_flag=True, help="There and back again.")
@click.option("--seed", default=DEFAULTS["seed"], help="Of the initial noise and of the random coupling.")
@click.option("--steps", default=DEFAULTS["steps"], help="Sampling steps for each image.")
@click.option("--guidance", default=DEFAULTS["guidance"], help="Classifier-free guidance scale; 1 or less: none.")
@click.option("--model", default=DEFAULTS["model"], help="'miniature', a hub id, a folder or a .safetensors file.")
@click.option("--device", default=DEFAULTS["device"], type=click.Choice(["auto", "cpu", "cuda", "mps"]), help="Where.")
@click.option("--compile", "compiled", is_flag=True, help="torch.compile: a minute first, then each frame faster.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the frames. [default: runs/<name from a hash>]")
@said_in_one_line("Finished frames are kept; the same command continues.")
def animate(
    prompt_a: str, prompt_b: str, film: Path, method: str, fps: float, ping_pong: bool, out: Path | None, **options: Any
) -> None:
    """Make a film of the way from PROMPT_A to PROMPT_B."""
    from whichway.analysis.runs.animation import animate as run
    from whichway.analysis.runs.comparison import Settings

    settings = Settings(prompt_a, prompt_b, methods=(method,), **options)
    click.echo(f"loading {settings.model}", err=True)
    click.echo(
        run(settings, film, fps=fps, ping_pong=ping_pong, out=out, report=lambda line: click.echo(line, err=True))
    )


@main.command()
@click.option("--model", default=DEFAULTS["model"], help="'miniature', a hub id, a folder or a .safetensors file.")
@click.option("--architectures", help="Instead of a model: names separated by commas, or all. Random weights.")
@click.option("--precisions", help="float64, float32, float16, bfloat16.  [default: all that the device computes in]")
@click.option("--levels", default="layers,denoiser,image", help="Of a model, which to check.")
@click.option("--prompt", default="a large fox to the left of a pizza on a blue background", help="The text.")
@click.option("--other", default="a small red car at night", help="A text that has to look different.")
@click.option("--seed", default=DEFAULTS["seed"], help="Of noise, permutations and random weights.")
@click.option("--steps", default=DEFAULTS["steps"], help="Sampling steps of the image.")
@click.option("--guidance", default=DEFAULTS["guidance"], help="Classifier-free guidance scale of the image.")
@click.option("--device", default=DEFAULTS["device"], type=click.Choice(["auto", "cpu", "cuda", "mps"]), help="Where.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all records here, as a list.")
@said_in_one_line("Records so far are in the --json file, if one was named.")
def invariance(
    model: str,
    architectures: str | None,
    precisions: str | None,
    levels: str,
    prompt: str,
    other: str,
    seed: int,
    steps: int,
    guidance: float,
    device: str,
    json_file: Path | None,
) -> None:
    """Check what the conditioning is a function of: its rows in order, or the measure they are.

    Exit status 0: everything checked is a function of the measure. 1: something is not, or a control shows that the
    check could not have failed. 2: it could not run.
    """
    from whichway.analysis.command.tables import show_census, show_invariance
    from whichway.analysis.images.rendering import Sampling
    from whichway.analysis.invariance.census import take_census
    from whichway.analysis.invariance.check import check_invariance
    from whichway.analysis.models.model import load_model
    from whichway.analysis.runs.folder import write_json

    if architectures is not None:
        found = take_census(_names(architectures), seed=seed, progress=True)
    else:
        found = check_invariance(
            load_model(model, device=device),
            prompt,
            other,
            precisions=None if precisions is None else _names(precisions),
            levels=_names(levels),
            sampling=Sampling(seed=seed, steps=steps, guidance=guidance),
            progress=True,
        )
    records: list = []
    try:
        for record in found:
            records.append(record)
    finally:
        if json_file is not None:
            write_json(json_file, [record.as_json() for record in records])
    (show_invariance if architectures is None else show_census)(records)
    sys.exit(0 if all(record.measure_invariant for record in records) else 1)


@main.command()
@click.argument("prompts", nargs=-1, required=True, metavar="PROMPT PROMPT PROMPT [PROMPT]")
@click.option("--side", default=5, help="Images along one side of the triangle or square.")
@click.option("--seed", default=DEFAULTS["seed"], help="Of the initial noise.")
@click.option("--steps", default=DEFAULTS["steps"], help="Sampling steps for each image.")
@click.option("--guidance", default=DEFAULTS["guidance"], help="Classifier-free guidance scale; 1 or less: none.")
@click.option("--model", default=DEFAULTS["model"], help="'miniature', a hub id, a folder or a .safetensors file.")
@click.option("--device", default=DEFAULTS["device"], type=click.Choice(["auto", "cpu", "cuda", "mps"]), help="Where.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run.  [default: runs/<name from a hash>]")
@said_in_one_line("Finished frames are kept; the same command continues.")
def barycenter(prompts: tuple[str, ...], out: Path | None, **options: Any) -> None:
    """Draw the images between three prompts (a triangle) or four (a square): Wasserstein barycenters."""
    from whichway.analysis.runs.barycenters import SimplexSettings, render_simplex

    settings = SimplexSettings(prompts, **options)
    click.echo(f"loading {settings.model}", err=True)
    click.echo(render_simplex(settings, out=out, report=lambda line: click.echo(line, err=True)))


@main.command("map")
@click.argument("prompts_file", metavar="PROMPTS.txt", type=click.Path(path_type=Path))
@click.option("--projection", default="umap", help="pca, mds or umap.")
@click.option("--view", default="wasserstein", help="wasserstein, or frobenius: rows in their order.")
@click.option("--images/--no-images", default=True, help="Draw each prompt's image at its place.")
@click.option("--clusters", default=0, help="Colour so many groups of prompts that are near each other; 0: none.")
@click.option("--dask", help="Address of a Dask scheduler that finds the neighbours of more than 300 prompts.")
@click.option("--seed", default=DEFAULTS["seed"], help="Of the initial noise and of the projection.")
@click.option("--steps", default=DEFAULTS["steps"], help="Sampling steps for each image.")
@click.option("--guidance", default=DEFAULTS["guidance"], help="Classifier-free guidance scale; 1 or less: none.")
@click.option("--model", default=DEFAULTS["model"], help="'miniature', a hub id, a folder or a .safetensors file.")
@click.option("--device", default=DEFAULTS["device"], type=click.Choice(["auto", "cpu", "cuda", "mps"]), help="Where.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run.  [default: runs/<name from a hash>]")
@said_in_one_line("Finished frames are kept; the same command continues.")
def map_prompts(prompts_file: Path, dask: str | None, out: Path | None, **options: Any) -> None:
    """Draw the prompts of a file, one a line, as a map on which near means near in W_2."""
    from whichway.analysis.runs.prompt_map import MapSettings, draw_prompt_map, read_prompts

    settings = MapSettings(read_prompts(prompts_file), **options)
    click.echo(f"loading {settings.model}", err=True)
    click.echo(draw_prompt_map(settings, out=out, dask=dask, report=lambda line: click.echo(line, err=True)))


@main.command()
@click.argument("prompts_file", metavar="PROMPTS.txt", type=click.Path(path_type=Path))
@click.option("--metric", default="wasserstein", help="wasserstein, frobenius; linearised, sliced: nearly W_2.")
@click.option("--ground", default=DEFAULTS["ground"], help="Metric by which rows are matched; see 'whichway methods'.")
@click.option("--model", default=DEFAULTS["model"], help="'miniature', a hub id, a folder or a .safetensors file.")
@click.option("--device", default=DEFAULTS["device"], type=click.Choice(["auto", "cpu", "cuda", "mps"]), help="Where.")
@click.option("--dask", help="Address of a Dask scheduler to spread the work over.")
@click.option("--out", type=click.Path(path_type=Path), default="distances.npy", help="The matrix, as .npy.")
@said_in_one_line("Finished blocks are kept; the same command continues.")
def distances(prompts_file: Path, dask: str | None, out: Path, **options: Any) -> None:
    """Measure the distances between all prompts of a file, one a line, into a matrix on disk."""
    from whichway.analysis.clouds.distances import DistanceSettings, measure_all
    from whichway.analysis.runs.prompt_map import read_prompts

    settings = DistanceSettings(read_prompts(prompts_file), **options)
    click.echo(f"loading {settings.model}", err=True)
    found = measure_all(settings, out, dask=dask, report=lambda line: click.echo(line, err=True))
    click.echo(f"{len(found.matrix)} prompts, {settings.metric}: {out}")


@main.command()
@click.option(
    "--pairs", "pairs_file", type=click.Path(path_type=Path), help="CSV: prompt_a, prompt_b and perhaps score."
)
@click.option("--captions", type=click.Path(path_type=Path), help="MS-COCO's captions, for Crisscrossed Captions' ids.")
@click.option("--strict", is_flag=True, help="Rows of the CSV that cannot be used are an error.")
@click.option(
    "--count", default=100, help="Pairs, evenly over their similarity; of the CSV or of the miniature's world."
)
@click.option("--pairs-seed", default=0, help="Of the choice of pairs.")
@click.option("--methods", help="Ways from A to B, separated by commas.  [default: twelve]")
@click.option("--frames", default=DEFAULTS["frames"], help="Images along each path, at least 2.")
@click.option("--seeds", default=3, help="Initial noises for each pair.")
@click.option("--steps", default=DEFAULTS["steps"], help="Sampling steps for each image.")
@click.option("--guidance", default=DEFAULTS["guidance"], help="Classifier-free guidance scale; 1 or less: none.")
@click.option("--model", default=DEFAULTS["model"], help="'miniature', a hub id, a folder or a .safetensors file.")
@click.option("--sampler", default=DEFAULTS["sampler"], help="own (the model's), ddim, dpm, euler or unipc.")
@click.option(
    "--metrics", "--metric", default=DEFAULTS["metric"], help="Perceptual distances; the report shows the first."
)
@click.option("--device", default=DEFAULTS["device"], type=click.Choice(["auto", "cpu", "cuda", "mps"]), help="Where.")
@click.option(
    "--dtype",
    default=DEFAULTS["dtype"],
    type=click.Choice(["auto", "float32", "float16", "bfloat16"]),
    help="Precision.",
)
@click.option("--dask", help="Address of a Dask scheduler to spread the work over.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the study.  [default: runs/study-<hash>]")
@said_in_one_line("Finished pairs are kept; the same command continues.")
def study(
    pairs_file: Path | None,
    captions: Path | None,
    strict: bool,
    count: int,
    pairs_seed: int,
    methods: str | None,
    metrics: str,
    dask: str | None,
    out: Path | None,
    **options: Any,
) -> None:
    """Walk between many pairs of prompts by many methods, and report how they compare.

    Without --pairs: pairs of the embedded model's world, of known similarity, whose scenes it never saw.
    """
    from whichway.analysis.command.tables import show_study
    from whichway.analysis.prompts.pairs import read_pairs, sample_by_stratum, world_pairs
    from whichway.analysis.study.report import write_report
    from whichway.analysis.study.study import METHODS, StudySettings, run_study, study_name

    if count < 1:
        raise click.UsageError(f"count: wanted at least 1, got {count}")
    settings = StudySettings(_names(methods) if methods else METHODS, metrics=_names(metrics), **options)
    if pairs_file is None:
        chosen = world_pairs(count, seed=pairs_seed).pairs
    else:
        found = read_pairs(pairs_file, captions=captions, strict=strict)
        for problem in found.problems:
            click.echo(f"Warning: {problem}", err=True)
        chosen = sample_by_stratum(found.pairs, count, seed=pairs_seed)
    folder = out or Path("runs") / study_name(settings, chosen)
    click.echo(f"{len(chosen)} pairs × {settings.seeds} seeds × {len(settings.methods)} methods in {folder}", err=True)
    model = settings.load_model()
    results = run_study(settings, chosen, folder, model=model, dask=dask)
    show_study(results, settings.metrics[0], write_report(folder, model))


@main.command()
@click.argument("studies", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="STUDY…")
@click.option("--reference", default="identity", help="The method that the others are compared with.")
@click.option("--out", type=click.Path(path_type=Path), default="robustness.png", help="The picture.")
@said_in_one_line("Nothing was written.")
def robustness(studies: tuple[Path, ...], reference: str, out: Path) -> None:
    """Compare finished studies: does the ranking of methods hold under other metrics, samplers and guidance?"""
    from whichway.analysis.command.tables import show_robustness
    from whichway.analysis.errors import writing
    from whichway.analysis.pictures.robustness import draw_robustness
    from whichway.analysis.study.robustness import agreement, compare_studies

    compared = compare_studies(studies, reference=reference)
    agreeing = agreement(compared)
    with writing(out):
        draw_robustness(compared, agreeing, reference).savefig(out)
    show_robustness(compared, agreeing, reference)
    click.echo(out)


@main.command()
def methods() -> None:
    """List methods, couplings, paths, ground metrics and all other choices, one line each."""
    from whichway.analysis.clouds.distances import METRICS
    from whichway.analysis.clouds.projection import PROJECTIONS
    from whichway.analysis.command.tables import show_choices
    from whichway.analysis.paths.way import GROUNDS, PARAMETRISATIONS
    from whichway.analysis.smoothness.perceptual_distance import PERCEPTIONS
    from whichway.geometry import COUPLINGS, METHODS, PATHS, TOKENS

    show_choices(
        {
            "--methods": {name: method.summary for name, method in METHODS.items()},
            "--methods coupling+path: couplings": {name: rule.summary for name, rule in COUPLINGS.items()},
            "--methods coupling+path: paths": {name: rule.summary for name, rule in PATHS.items() if rule.coupled},
            "--ground": GROUNDS,
            "--tokens": TOKENS,
            "--parametrisation": PARAMETRISATIONS,
            "--metric": {name: perception.summary for name, perception in PERCEPTIONS.items()},
            "--projection": PROJECTIONS,
            "--metric of distances": METRICS,
        }
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
