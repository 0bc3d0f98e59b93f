"""How fast is ``whichway compare``? ``python -m benchmarks.compare_command`` prints a table of ratios.

Rival: the same frames, one by one, through ``pipe(prompt_embeds=…)``, as interpolation scripts commonly do. Same model
in the same process, same inputs, rounds interleaved; medians. Read the ratios: seconds differ from machine to machine.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.table import Table

from analysis.comparison import Settings, compare
from analysis.encoding import encode
from analysis.model import Model, load_model
from analysis.rendering import initial_noise, render
from geometry import PointCloud, build_path, uniform_times

PROMPTS = ("a large fox on a blue background", "a panda on a pink background")


def all_clouds(model: Model, settings: Settings) -> list[PointCloud]:
    start, end = (encode(model, prompt) for prompt in PROMPTS)
    paths = [build_path(name, start, end, seed=settings.seed) for name in settings.methods]
    return [path(t) for path in paths for t in uniform_times(settings.frames)]


def render_one_by_one(model: Model, clouds: list[PointCloud], settings: Settings) -> None:
    noise = initial_noise(model, settings.seed)
    for cloud in clouds:
        model.pipeline(
            prompt_embeds=cloud.rows[None],
            negative_prompt="",
            latents=noise.clone(),
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance,
        )


def seconds(action, *arguments: object, **options: object) -> float:
    started = time.perf_counter()
    action(*arguments, **options)
    return time.perf_counter() - started


def run_command(folder: str) -> None:
    whichway = Path(sys.executable).with_name("whichway")
    subprocess.run([whichway, "compare", *PROMPTS, "--out", f"{folder}/command"], check=True, capture_output=True)


@click.command(context_settings={"show_default": True})
@click.option("--rounds", default=3, help="Interleaved repetitions.")
def main(rounds: int) -> None:
    """Measure 9 frames × 4 methods on the miniature."""
    settings = Settings(*PROMPTS)
    model = load_model()
    clouds = all_clouds(model, settings)
    render(model, clouds[:2], settings.sampling)  # warm up
    times: dict[str, list[float]] = {"loop": [], "render": [], "compare": [], "command": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            times["loop"].append(seconds(render_one_by_one, model, clouds, settings))
            times["render"].append(seconds(render, model, clouds, settings.sampling))
            times["compare"].append(seconds(compare, settings, out=Path(folder) / "compare", model=model))
            times["command"].append(seconds(run_command, folder))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    show(times, len(clouds), peak)


def show(times: dict[str, list[float]], frames: int, peak: float) -> None:
    rows = {
        "loop": f"rival: {frames} frames one by one, pipe(prompt_embeds=…)",
        "render": f"render(): the same {frames} frames in batches",
        "compare": "compare(): shared end frames once, measured, drawn",
        "command": "whichway compare: all of it, from a cold start",
    }
    table = Table("", "seconds", "share of the rival's time", title="9 frames × 4 methods on the miniature")
    for name, title in rows.items():
        table.add_row(title, f"{median(times[name]):.1f}", f"{median(times[name]) / median(times['loop']):.2f}")
    console = Console()
    console.print(table)
    console.print(f"peak memory of the command: {peak:.2f} GiB", highlight=False)


if __name__ == "__main__":
    main()
