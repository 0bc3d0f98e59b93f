"""What is a model's image a function of? Every level, every dtype, with controls that can fail.

For each cross-attention layer, for the denoiser and for the sampled image: the output for the prompt's rows is compared
with the output for the same measure written in other ways (:mod:`whichway.analysis.invariance.rewriting`). A pass means
something only beside the controls: another text must change the output by far more than the tolerance, the *words* in
another order must change it too (the invariance is of the conditioning, not of language), and attention that is broken
on purpose must be caught.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from tqdm.auto import tqdm

from whichway.analysis.errors import UserError
from whichway.analysis.images.batches import is_out_of_memory
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.images.schedulers import require_schedulable
from whichway.analysis.invariance.levels import LEVELS, text_layers
from whichway.analysis.invariance.one_model import OneModelCheck
from whichway.analysis.invariance.record import InvarianceRecord
from whichway.analysis.models.dtypes import DTYPES
from whichway.analysis.models.memory import require_memory
from whichway.analysis.models.model import Model
from whichway.analysis.quiet import quiet_libraries
from whichway.miniature.training import multiplies_bfloat16


def check_invariance(
    model: Model,
    prompt: str = "a fox to the left of a pizza on a blue background",
    other: str = "a small car at night",
    *,
    dtypes: Sequence[str] | None = None,
    levels: Sequence[str] = LEVELS,
    sampling: Sampling = Sampling(),
    progress: bool = False,
) -> Iterator[InvarianceRecord]:
    """Check ``model`` level by level; one record for each layer, one for the denoiser, one for the image.

    Args:
        other: a text that has to change the output.
        dtypes: names of :data:`whichway.analysis.models.dtypes.DTYPES`; None: :func:`supported_dtypes`.

    Raises:
        UserError: unknown dtype or level; a prompt whose words have only one order; more sampling steps than the model
            has; not enough memory.
    """
    require_schedulable(model.pipeline, sampling.resolved(model.defaults).num_inference_steps)
    dtypes = supported_dtypes(model.device) if dtypes is None else dtypes
    _require_names("dtype", dtypes, DTYPES)
    _require_names("level", levels, LEVELS)
    texts = (prompt, other, words_reordered(prompt))
    layers = len(text_layers(model))
    total = len(dtypes) * sum({"layers": layers}.get(level, 1) for level in levels)
    with tqdm(total=total, desc="invariance", unit="check", disable=not progress) as bar:
        for dtype in dtypes:
            with _said_if_too_large(model, dtype):
                for record in OneModelCheck(_in_dtype(model, dtype), texts, sampling).records(levels):
                    bar.update()
                    yield record


def supported_dtypes(device: torch.device) -> tuple[str, ...]:
    """The dtypes that the device computes in at a usable speed.

    Not float16 on a CPU; not bfloat16 where there are no instructions for it, since it is emulated there; not float64
    on Apple's GPUs.
    """
    unsupported = {"cpu": {"float16"}, "mps": {"float64"}}.get(device.type, set())
    if device.type != "mps" and not multiplies_bfloat16(device):
        unsupported = unsupported | {"bfloat16"}
    return tuple(name for name in DTYPES if name not in unsupported)


def _require_names(what: str, names: Sequence[str], choices: Sequence[str] | dict) -> None:
    unknown = [name for name in names if name not in choices]
    if unknown or not names:
        raise UserError(
            f"unknown {what} {', '.join(map(repr, unknown)) or '(none given)'}; known: {', '.join(choices)}"
        )


def words_reordered(prompt: str) -> str:
    """The prompt's words in another order: backwards, or rotated where backwards is the same.

    Raises:
        UserError: fewer than two different words.
    """
    words = prompt.split()
    if len(set(words)) < 2:
        raise UserError(f"prompt {prompt!r} has only one order of words; wanted at least two different words")
    return " ".join(words[::-1] if words[::-1] != words else words[1:] + words[:1])


def _in_dtype(model: Model, dtype_name: str) -> Model:
    """The model in another dtype, as a copy: digits that a narrower dtype drops do not come back."""
    dtype = DTYPES[dtype_name]
    if dtype == model.dtype:
        return model
    parts = [part for part in model.pipeline.components.values() if isinstance(part, torch.nn.Module)]
    parameters = sum(parameter.numel() for part in parts for parameter in part.parameters())
    if model.device.type == "cpu":
        require_memory(parameters * (model.dtype.itemsize + dtype.itemsize), f"model {model.name!r} in {dtype_name}")
    with quiet_libraries():
        return Model(model.name, copy.deepcopy(model.pipeline).to(dtype))


@contextmanager
def _said_if_too_large(model: Model, dtype_name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(
            f"model {model.name!r} in {dtype_name} does not fit in the memory of {model.device}, with the images that "
            "it is checked on; try a smaller --height and --width"
        ) from error
