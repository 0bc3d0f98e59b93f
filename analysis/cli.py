"""The command ``whichway``. Options only; the work is in :mod:`analysis.comparison`, imported when it is needed."""

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
    "frames": 9,
    "seed": 0,
    "steps": 20,
    "guidance": 3.0,
    "model": "miniature",
    "metric": "efficientnet",
    "device": "auto",
    "dtype": "auto",
}
INTERRUPTED = 130


def said_in_one_line(command: Callable) -> Callable:
    """Turn what the user can mend into one line and exit status 2, and Ctrl-C into a promise that holds."""

    @wraps(command)
    def wrapped(*args: object, **kwargs: object) -> None:
        warnings.showwarning = lambda message, *_: click.echo(f"Warning: {message}", err=True)
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            click.echo("\nInterrupted. Finished frames are kept; the same command continues.", err=True)
            sys.exit(INTERRUPTED)
        except Exception as error:
            from analysis.errors import UserError

            if not isinstance(error, UserError):
                raise
            click.echo(f"Error: {error}", err=True)
            sys.exit(2)

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100})
@click.version_option(package_name="whichway")
def main() -> None:
    """The geometry of prompt embeddings: which way from B to A?"""


@main.command()
@click.argument("prompt_a", metavar="PROMPT_A")
@click.argument("prompt_b", metavar="PROMPT_B")
@click.option("--methods", default=DEFAULTS["methods"], help="Ways from A to B, separated by commas.")
@click.option("--frames", default=DEFAULTS["frames"], help="Images along each path, at least 2.")
@click.option("--seed", default=DEFAULTS["seed"], help="Of the initial noise and of the random coupling.")
@click.option("--steps", default=DEFAULTS["steps"], help="Sampling steps for each image.")
@click.option("--guidance", default=DEFAULTS["guidance"], help="Classifier-free guidance scale; 1 or less: none.")
@click.option("--model", default=DEFAULTS["model"], help="'miniature', a hub id, a folder or a .safetensors file.")
@click.option("--metric", default=DEFAULTS["metric"], help="Perceptual distance: efficientnet, ssim, flip or lpips.")
@click.option("--device", default=DEFAULTS["device"], type=click.Choice(["auto", "cpu", "cuda", "mps"]), help="Where.")
@click.option(
    "--dtype",
    default=DEFAULTS["dtype"],
    type=click.Choice(["auto", "float32", "float16", "bfloat16"]),
    help="Precision of the model; auto: float16 on cuda, else float32.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run.  [default: runs/<name from a hash>]")
@said_in_one_line
def compare(prompt_a: str, prompt_b: str, methods: str, out: Path | None, **options: Any) -> None:
    """Walk from PROMPT_A to PROMPT_B by several methods, render and measure the way, and draw it.

    Everything lands in one folder: frames, film strips, perceptual steps, projections, couplings, metrics. Frames that
    are there already are reused, so an interrupted run is continued by the same command.
    """
    from analysis.comparison import Settings
    from analysis.comparison import compare as run
    from analysis.terminal import show_comparison

    names = tuple(name.strip() for name in methods.split(",") if name.strip())
    settings = Settings(prompt_a, prompt_b, methods=names, **options)
    click.echo(f"loading {settings.model}", err=True)
    show_comparison(run(settings, out=out, report=lambda line: click.echo(line, err=True)))
