"""Groups of options that commands share: which model, how it samples, how paths are made, where results go."""

from collections.abc import Callable, Mapping
from functools import partial, wraps
from pathlib import Path
from typing import Any

import click

from whichway.analysis.command.plugins import RegisteredChoice
from whichway.analysis.geodesics.settings import GeodesicSettings
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.choice import ModelChoice
from whichway.analysis.vocabulary import (
    CHUNK_MASSES,
    DEVICES,
    DTYPES,
    GROUNDS,
    LONG_PROMPTS,
    OFFLOADS,
    PARAMETRISATIONS,
    PERCEPTUAL_DISTANCE,
    PERCEPTUAL_DISTANCES,
    POOLED,
    QUANTIZATIONS,
    SCHEDULERS,
    SYNTAXES,
    TOKENS,
    WORD_WEIGHTS,
)

Decorator = Callable[[Callable], Callable]

MODEL = {
    "name": partial(
        click.option,
        "--model",
        "name",
        help="'miniature', 'miniature-second', a hub id, a folder or a .safetensors file.",
    ),
    "device": partial(
        click.option, "--device", type=click.Choice([*DEVICES]), help="Where; auto: cuda, else mps, else cpu."
    ),
    "dtype": partial(
        click.option,
        "--dtype",
        type=click.Choice([*DTYPES]),
        help="auto: on cuda bfloat16 for transformers and float16 for UNets, else float32.",
    ),
    "variant": partial(click.option, "--variant", help="Of the weights' files, such as fp16."),
    "compiled": partial(
        click.option,
        "--compile",
        "compiled",
        is_flag=True,
        help="torch.compile: a minute the first time, then each frame faster.",
    ),
    "loras": partial(
        click.option,
        "--lora",
        "loras",
        metavar="FILE[:SCALE]",
        multiple=True,
        help="A LoRA to load, .safetensors or hub id; repeat it for more.",
    ),
    "embeddings": partial(
        click.option,
        "--embedding",
        "embeddings",
        metavar="FILE[:TOKEN]",
        multiple=True,
        help="Textual inversion, .safetensors; the token to write in prompts is the file's own, or its name.",
    ),
    "offload": partial(
        click.option,
        "--offload",
        type=click.Choice([*OFFLOADS]),
        help="Of a GPU's memory: one component, or one layer, at a time is on it.",
    ),
    "quantize": partial(
        click.option, "--quantize", type=click.Choice([*QUANTIZATIONS]), help="Weights of denoiser and text encoders."
    ),
    "clip_skip": partial(click.option, "--clip-skip", type=int, help="Last layers of CLIP's encoders to leave out."),
    "vae_slicing": partial(
        click.option, "--vae-slicing", is_flag=True, help="Decode one image after the other: less memory."
    ),
    "vae_tiling": partial(
        click.option, "--vae-tiling", is_flag=True, help="Decode large images in tiles: less memory, other pixels."
    ),
    "free_text_encoders": partial(
        click.option,
        "--free-text-encoders",
        is_flag=True,
        help="Let go of the text encoders when all prompts are encoded: less memory.",
    ),
}
READING = {
    "syntax": partial(
        click.option,
        "--syntax",
        type=click.Choice([*SYNTAXES]),
        help="Of prompts; weighted: (word:1.3), ((word)), [word], BREAK as AUTOMATIC1111 reads them.",
    ),
    "word_weights": partial(
        click.option,
        "--word-weights",
        type=click.Choice([*WORD_WEIGHTS]),
        help="What a word's weight does: to the mass of its rows, or to the rows themselves.",
    ),
    "long_prompts": partial(
        click.option,
        "--long-prompts",
        type=click.Choice([*LONG_PROMPTS]),
        help="Longer than the encoder: cut off, or read in chunks.",
    ),
    "chunk_masses": partial(
        click.option,
        "--chunk-masses",
        type=click.Choice([*CHUNK_MASSES]),
        help="How much each chunk of a long prompt weighs.",
    ),
}
MODEL |= READING
SAMPLING = {
    "seed": partial(click.option, "--seed", type=int, help="Of the noise, and of whatever else is random."),
    "num_inference_steps": partial(
        click.option,
        "--steps",
        "--num-inference-steps",
        "num_inference_steps",
        type=int,
        help="Sampling steps for each image.  [default: the model's]",
    ),
    "guidance_scale": partial(
        click.option,
        "--guidance",
        "--guidance-scale",
        "guidance_scale",
        type=float,
        help="Classifier-free guidance scale; 1 or less: none.  [default: the model's]",
    ),
    "negative_prompt": partial(
        click.option,
        "--negative",
        "--negative-prompt",
        "negative_prompt",
        help="What guidance moves away from.  [default: what the pipeline takes without one]",
    ),
    "true_cfg_scale": partial(
        click.option,
        "--true-cfg",
        "--true-cfg-scale",
        "true_cfg_scale",
        type=float,
        help="Flux only, with a negative prompt: guidance by a second pass.",
    ),
    "height": partial(click.option, "--height", type=int, help="Of the images, in pixels.  [default: the model's]"),
    "width": partial(click.option, "--width", type=int, help="Of the images, in pixels.  [default: the model's]"),
    "scheduler": partial(
        click.option,
        "--scheduler",
        type=click.Choice([*SCHEDULERS]),
        help="own: the model's; another: on its noise schedule.",
    ),
}


GEODESIC = {
    "iterations": partial(
        click.option, "--geodesic-iterations", "iterations", type=int, help="Of the method geodesic, at most."
    ),
    "penalty": partial(
        click.option,
        "--geodesic-penalty",
        "penalty",
        type=float,
        help="Of the method geodesic, for rows that leave the encoder's; 0: none.",
    ),
    "nodes": partial(
        click.option,
        "--geodesic-nodes",
        "nodes",
        type=int,
        help="Of the method geodesic: images along it, both ends included.  [default: frames, 9 at most]",
    ),
}


def model_options(*names: str) -> Decorator:
    """Add the options of a model, all or those named; the command gets them as one ``model``, a ModelChoice."""
    return _group("model", ModelChoice, MODEL, names)


def sampling_options(*names: str) -> Decorator:
    """Add the options of sampling, all or those named; the command gets them as one ``sampling``, a Sampling."""
    return _group("sampling", Sampling, SAMPLING, names)


def geodesic_options(command: Callable) -> Callable:
    """Add the options of the method geodesic; the command gets them as one ``geodesic``, a GeodesicSettings."""
    return _group("geodesic", GeodesicSettings, GEODESIC, ())(command)


def _group(
    argument: str, settings: type, options: Mapping[str, Callable[..., Decorator]], names: tuple[str, ...]
) -> Decorator:
    """Options whose defaults are those of a dataclass, gathered into an instance of it."""
    names = names or tuple(options)

    def decorate(command: Callable) -> Callable:
        @wraps(command)
        def gathered(**values: Any) -> Any:
            values[argument] = settings(**{name: values.pop(name) for name in names})
            return command(**values)

        decorated: Callable = gathered
        for name in reversed(names):
            decorated = options[name](default=getattr(settings, name))(decorated)
        return decorated

    return decorate


def matching_options(command: Callable) -> Callable:
    """Add the choices that go with a method: ground metric, tokens, and the perceptual distance."""
    for option in (
        click.option(
            "--perceptual-distance",
            default=PERCEPTUAL_DISTANCE,
            type=RegisteredChoice(PERCEPTUAL_DISTANCES),
            help="Between images.",
        ),
        click.option("--tokens", default="all", type=click.Choice([*TOKENS]), help="Rows that may be matched."),
        click.option(
            "--ground", default="euclidean", type=click.Choice([*GROUNDS]), help="Metric by which rows are matched."
        ),
    ):
        command = option(command)
    return command


def parametrisation_option(default: str) -> Decorator:
    return click.option(
        "--parametrisation",
        default=default,
        type=click.Choice([*PARAMETRISATIONS]),
        help="When along a path its frames are taken.",
    )


def pooled_option(command: Callable) -> Callable:
    return click.option(
        "--pooled",
        default="auto",
        type=click.Choice([*POOLED]),
        help="How the pooled vector of SDXL, SD 3, Flux moves; start, end: held at A's, at B's.",
    )(command)


def negative_end_option(command: Callable) -> Callable:
    return click.option(
        "--negative-end",
        "--negative-prompt-end",
        "negative_prompt_end",
        help="Negative prompt of the last frame, to which --negative walks by the method.  [default: it stays]",
    )(command)


def parts_option(what: str) -> Decorator:
    return click.option(
        "--parts",
        default="all",
        help=f"Of the text, separated by commas: encoders such as clip, t5, and pooled; {what} for each.",
    )


def dask_option(work: str) -> Decorator:
    return click.option("--dask", help=f"Processes on this machine, or a Dask scheduler's address, {work}.")


def store_options(command: Callable) -> Callable:
    """Add ``--store`` and ``--store-dtype``."""
    command = click.option(
        "--store-dtype",
        default="float32",
        show_default=True,
        type=click.Choice(["float32", "float16"]),
        help="In the store; float16 takes half the space and says what it costs.",
    )(command)
    return click.option(
        "--store",
        type=click.Path(path_type=Path),
        help="Folder that keeps the encoded prompts, for more than memory holds: 0.24 MB for each of 77 rows of 768.",
    )(command)


def out_option(what: str = "run", default: str = "runs/<name from a hash>") -> Decorator:
    return click.option("--out", type=click.Path(path_type=Path), help=f"Folder of the {what}.  [default: {default}]")


def names(option: str, text: str) -> tuple[str, ...]:
    """The parts of a list that is separated by commas.

    Raises:
        UserError: one of them is empty: a comma too many, or something that was forgotten.
    """
    from whichway.analysis.errors import UserError, shortened

    parts = tuple(part.strip() for part in text.split(","))
    if not all(parts):
        raise UserError(f"{option}: wanted names separated by commas, got {shortened(text)}")
    return parts


def numbers(option: str, text: str, kind: Callable[[str], Any] = float) -> tuple[Any, ...]:
    """The numbers of a list that is separated by commas.

    Raises:
        UserError: one of them is none.
    """
    from whichway.analysis.errors import UserError, shortened

    try:
        return tuple(kind(part) for part in text.split(","))
    except ValueError as error:
        wanted = "whole numbers" if kind is int else "numbers"
        raise UserError(f"{option}: wanted {wanted} separated by commas, got {shortened(text)}") from error
