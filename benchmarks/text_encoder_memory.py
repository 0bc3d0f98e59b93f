"""Memory with the text encoders kept and freed after encoding. ``python -m benchmarks.text_encoder_memory``

An SDXL with random weights, tiny or of about 250 million parameters, half of them in its text encoders. Each case runs
in a process of its own, since a process that has held memory once is no measure of what it needs.
"""

import json
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import psutil

from benchmarks.rendering import MIDDLE, PROMPTS
from whichway.analysis.images.sampling import Sampling

SIZES = {"tiny": {}, "middle": {"unet_size": MIDDLE, "widths": (768, 1280), "layers": 17}}
CASES = {"kept": False, "freed after encoding": True}
FRAMES = 4
SAMPLING = Sampling(num_inference_steps=2)
MIB = 2**20
EVERY = 0.002  # seconds between two looks at the memory
MAXRSS = 1024 if sys.platform != "darwin" else 1  # bytes in a unit of getrusage's


def save_pipeline(size: str, folder: Path) -> None:
    from tests.tiny_pipelines import stable_diffusion_xl

    stable_diffusion_xl(**SIZES[size]).save_pretrained(folder)


def measure(folder: Path, *, free: bool) -> dict[str, float]:
    """Resident memory of this process in MiB: largest while frames are rendered, and largest of all."""
    from whichway.analysis.models.model import load_model

    model = load_model(str(folder), device="cpu", free_text_encoders=free)
    parameters = count_parameters(model.pipeline)  # in a function of its own: who keeps a module keeps its memory
    conditionings = model.encode([*PROMPTS] * (FRAMES // 2))
    rendering = peak_while(lambda: model.render(conditionings, SAMPLING))
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS / MIB
    return {"parameters": parameters / 1e6, "rendering": rendering, "whole": whole}


def count_parameters(pipeline: Any) -> int:
    modules = (part for part in pipeline.components.values() if hasattr(part, "parameters"))
    return sum(parameter.numel() for part in modules for parameter in part.parameters())


def peak_while(action: Callable[[], object]) -> float:
    """Largest resident memory of this process during ``action``, in MiB, as a thread beside it sees it."""
    process, largest, over = psutil.Process(), [0], threading.Event()

    def watch() -> None:
        while not over.wait(EVERY):
            largest.append(process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        action()
    finally:
        over.set()
        watcher.join()
    return max(largest) / MIB


def in_a_process_of_its_own(folder: Path, case: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.text_encoder_memory", "--case", case, "--folder", str(folder)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    measured: dict[str, float] = json.loads(output.splitlines()[-1])
    return measured


@click.command(context_settings={"show_default": True})
@click.option("--size", "sizes", type=click.Choice([*SIZES]), multiple=True, default=[*SIZES], help="Of the SDXL.")
@click.option("--case", type=click.Choice([*CASES]), hidden=True)
@click.option("--folder", type=click.Path(path_type=Path), hidden=True)
def main(sizes: tuple[str, ...], case: str | None, folder: Path | None) -> None:
    """Peak memory of four frames of an SDXL with random weights, with and without its text encoders."""
    if case and folder:
        click.echo(json.dumps(measure(folder, free=CASES[case])))
        return
    for size in sizes:
        with tempfile.TemporaryDirectory() as temporary:
            save_pipeline(size, Path(temporary))
            for name in CASES:
                measured = in_a_process_of_its_own(Path(temporary), name)
                click.echo(
                    f"SDXL, {size}, {measured['parameters']:.1f} M random parameters, text encoders {name}: at most "
                    f"{measured['rendering']:.0f} MiB while rendering, {measured['whole']:.0f} MiB of the process"
                )


if __name__ == "__main__":
    main()
