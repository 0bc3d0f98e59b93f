"""How fast is ``whichway compare``? ``python -m benchmarks.compare_command`` prints a table of ratios.

Rival: the same frames, one by one, through ``pipe(prompt_embeds=…)``, as interpolation scripts commonly do. Same model
in the same process, same inputs, rounds interleaved; medians. Read the ratios: seconds differ from machine to machine.
"""

import resource
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.timing import interleaved
from whichway.analysis.images.noise import initial_noise
from whichway.analysis.images.rendering import render
from whichway.analysis.models.model import Model, load_model
from whichway.analysis.prompts.encoding import encode
from whichway.analysis.runs.comparison import compare
from whichway.analysis.runs.comparison_settings import ComparisonSettings
from whichway.geometry import PointCloud, build_path, uniform_times

PROMPTS = ("a large fox on a blue background", "a panda on a pink background")


def all_clouds(model: Model, settings: ComparisonSettings) -> list[PointCloud]:
    start, end = (encode(model, prompt) for prompt in PROMPTS)
    paths = [build_path(name, start, end, seed=settings.sampling.seed) for name in settings.methods]
    return [path(t) for path in paths for t in uniform_times(settings.frames)]


def render_one_by_one(model: Model, clouds: list[PointCloud], settings: ComparisonSettings) -> None:
    noise = initial_noise(model, settings.sampling.seed)
    for cloud in clouds:
        model.pipeline(
            prompt_embeds=cloud.rows[None],
            negative_prompt="",
            latents=noise.clone(),
            num_inference_steps=settings.sampling.num_inference_steps,
            guidance_scale=settings.sampling.guidance_scale,
        )


def empty(folder: str, name: str) -> Path:
    """A folder that is not there: nothing can be reused."""
    shutil.rmtree(Path(folder) / name, ignore_errors=True)
    return Path(folder) / name


def run_command(out: Path) -> None:
    whichway = Path(sys.executable).with_name("whichway")
    subprocess.run([whichway, "compare", *PROMPTS, "--out", str(out)], check=True, capture_output=True)


@click.command(context_settings={"show_default": True})
@click.option("--rounds", default=3, help="Interleaved repetitions.")
def main(rounds: int) -> None:
    """Measure 9 frames × 4 methods on the miniature."""
    settings = ComparisonSettings(*PROMPTS)
    model = load_model()
    clouds = all_clouds(model, settings)
    render(model, clouds[:2], settings.sampling)  # warm up
    with tempfile.TemporaryDirectory() as folder:
        actions = {
            "loop": partial(render_one_by_one, model, clouds, settings),
            "render": partial(render, model, clouds, settings.sampling),
            "compare": lambda: compare(settings, out=empty(folder, "compare"), model=model),
            "command": lambda: run_command(empty(folder, "command")),
        }
        times = interleaved(actions, rounds)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    show(times, len(clouds), peak)


def show(times: dict[str, float], frames: int, peak: float) -> None:
    rows = {
        "loop": f"rival: {frames} frames one by one, pipe(prompt_embeds=…)",
        "render": f"render(): the same {frames} frames in batches",
        "compare": "compare(): shared end frames once, measured, drawn",
        "command": "whichway compare: all of it, from a cold start",
    }
    table = Table("", "seconds", "share of the rival's time", title="9 frames × 4 methods on the miniature")
    for name, title in rows.items():
        table.add_row(title, f"{times[name]:.1f}", f"{times[name] / times['loop']:.2f}")
    console = Console()
    console.print(table)
    console.print(f"peak memory of the command: {peak:.2f} GiB", highlight=False)


if __name__ == "__main__":
    main()
