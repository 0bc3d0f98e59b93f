"""How long until ``whichway --help`` is there, and the first frame? ``python -m benchmarks.start_up``"""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.table import Table

from benchmarks.timing import interleaved

#: what happens until the first frame is there: Python statements, in their order
STAGES = {
    "Python": "",
    "import torch": "import torch",
    "import transformers": "import transformers",
    "import diffusers' pipeline": "from diffusers import StableDiffusionPipeline",
    "import whichway": "from whichway import Sampling, encode, load_model, render",
    "load the model": "model = load_model('miniature')",
    "encode a prompt": "cloud = encode(model, 'a fox')",
    "render a frame, one step": "render(model, [cloud], Sampling(num_inference_steps=1))",
}


def first_frame() -> dict[str, float]:
    """Stage → seconds of processor time, in a new process."""
    lines = ["import json, time", "seconds = []"]
    lines += [line for stage in STAGES.values() for line in (stage, "seconds.append(time.process_time())")]
    script = "\n".join([*lines, "print(json.dumps(seconds))"])
    printed = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    until = json.loads(printed.splitlines()[-1])
    return {stage: end - begin for stage, begin, end in zip(STAGES, [0.0, *until], until, strict=False)}


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@click.command(context_settings={"show_default": True})
@click.option("--rounds", default=5, help="Interleaved repetitions.")
def main(rounds: int) -> None:
    """The command's help, against Python alone and against importing torch; where the first frame's seconds go."""
    whichway = str(Path(sys.executable).with_name("whichway"))
    actions = {
        "whichway --help": partial(run, whichway, "--help"),
        "floor: python -c pass": partial(run, sys.executable, "-c", "pass"),
        "rival: python -c 'import torch'": partial(run, sys.executable, "-c", "import torch"),
    }
    times = interleaved(actions, rounds)
    table = Table("", "seconds", "× ours", title="start-up")
    for name, value in times.items():
        table.add_row(name, f"{value:.2f}", f"{value / times['whichway --help']:.2f}")
    Console().print(table)
    taken = [first_frame() for _ in range(rounds)]
    table = Table("", "processor seconds", title="to the first frame, medians")
    for stage in STAGES:
        table.add_row(stage, f"{median(each[stage] for each in taken):.2f}")
    table.add_row("all", f"{median(sum(each.values()) for each in taken):.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
