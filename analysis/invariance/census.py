"""The census: which denoisers of diffusers see their text as a measure? Real classes, random weights, float64.

The property belongs to the architecture, so random weights show it as well as trained ones, provided another text
visibly changes the output. The reason given for each is read off the attention calls that the denoiser really makes.
"""

import time
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from tqdm.auto import tqdm

from whichway.analysis.errors import UserError
from whichway.analysis.images.joint_attention import AttentionToText, TextKeys
from whichway.analysis.invariance.architectures import ARCHITECTURES, Architecture, Text
from whichway.analysis.invariance.architectures.inputs import fixed
from whichway.analysis.invariance.record import InvarianceRecord
from whichway.analysis.invariance.rewriting import REWRITINGS, Rewriting, relative_error
from whichway.analysis.models.dtypes import rounding_tolerance

FINE = 0.02  # keys closer than this are the same keys, be they kept in bfloat16: positions turn them by far more
ROWS = 7  # text rows, fewer than any number of image tokens, so that attentions can be told apart by their keys


def take_census(
    names: Sequence[str] = ("all",), *, seed: int = 0, progress: bool = False
) -> Iterator[InvarianceRecord]:
    """One record for each architecture; level "denoiser".

    Beside the four properties it says, in ``details``, what restores measure invariance where it does not hold
    (``restored_by``): log-weights on the text keys, places that travel with their rows, or nothing, and why.

    Raises:
        UserError: an unknown name; weights that do not fit in memory.
    """
    bar = tqdm(architectures_called(names), desc="architectures", disable=not progress)
    for architecture in bar:
        bar.set_postfix_str(architecture.name)
        yield examine(architecture, seed=seed)


def architectures_called(names: Sequence[str]) -> list[Architecture]:
    """The architectures of these names; "all" is the whole census, as far as the installed diffusers has the classes.

    Raises:
        UserError: an unknown name; a class that the installed diffusers does not have.
    """
    import diffusers

    unknown = [name for name in names if name not in ARCHITECTURES and name != "all"]
    if unknown or not names:
        raise UserError(
            f"unknown architecture {', '.join(map(repr, unknown)) or '(none given)'}; "
            f"known: all, {', '.join(ARCHITECTURES)}"
        )
    installed = [name for name, entry in ARCHITECTURES.items() if hasattr(diffusers, entry.class_name)]
    absent = [name for name in names if name != "all" and name not in installed]
    if absent:
        raise UserError(f"diffusers {diffusers.__version__} is too old for {', '.join(map(repr, absent))}; upgrade it")
    return [
        entry
        for name, entry in ARCHITECTURES.items()
        if name in names or ("all" in names and entry.census and name in installed)
    ]


@torch.inference_mode()
def examine(architecture: Architecture, *, seed: int = 0) -> InvarianceRecord:
    """The record of one architecture."""
    started = time.perf_counter()
    subject = _Subject(architecture, seed)
    plain, attentions = subject.attend(subject.identity())
    rewritings = {name: rewrite(subject.n, torch.Generator().manual_seed(seed)) for name, rewrite in REWRITINGS.items()}
    errors = {name: subject.error(rewriting, plain) for name, rewriting in rewritings.items()}
    restored = _restored_errors(subject, rewritings, plain)
    tolerance = rounding_tolerance(subject.denoiser, architecture.dtype, rows=subject.n)
    permutation = rewritings["permutation"]
    traits = _traits(architecture, attentions, subject.attend(permutation)[1], permutation)
    if not traits["positions"] and _exceeds(restored, tolerance):
        traits["pooled"] = "text also enters outside attention"
    return InvarianceRecord(
        architecture=f"{architecture.class_name}({_arguments(architecture)})",
        level="denoiser",
        dtype=str(architecture.dtype).removeprefix("torch."),
        errors=errors,
        tolerance=tolerance,
        controls={"different_text": relative_error(subject.denoise(subject.other_rows), plain)},
        reason="; ".join(trait for trait in traits.values() if trait),
        details={
            "name": architecture.name,
            "title": architecture.title,
            "parameters": sum(parameter.numel() for parameter in subject.denoiser.parameters()),
            "text_rows": subject.n,
            "with_log_weights": restored,
            "restored_by": _restored_by(errors, restored, traits, tolerance),
        },
        seconds=time.perf_counter() - started,
    )


class _Subject:
    """One denoiser, and its text."""

    def __init__(self, architecture: Architecture, seed: int) -> None:
        self.architecture = architecture
        self.denoiser = architecture.build(seed)
        self.n = architecture.rows or ROWS
        self.rows, self.other_rows = (
            fixed(1, self.n, architecture.width, seed=100 + seed + k, dtype=architecture.dtype) for k in range(2)
        )

    def identity(self) -> Rewriting:
        return Rewriting(torch.arange(self.n), torch.ones(self.n, dtype=torch.float64))

    def denoise(self, rows: Tensor) -> Tensor:
        return self.architecture.call(self.denoiser, Text(rows, torch.arange(rows.shape[1])))

    def attend(self, rewriting: Rewriting, travel: bool = False) -> tuple[Tensor, list[AttentionToText]]:
        """The output for rewritten rows, and every attention that saw them.

        Places are those of the new order, as a pipeline would give them, unless they ``travel`` with their rows.
        """
        logits = rewriting.weights.log() if rewriting.weighted else None
        places = rewriting.copies if travel else torch.arange(len(rewriting.copies))
        with TextKeys(self.architecture.text_keys, len(rewriting.copies), logits) as watch:
            return self.architecture.call(self.denoiser, Text(rewriting(self.rows), places)), watch.attentions

    def error(self, rewriting: Rewriting, plain: Tensor, travel: bool = False) -> float | None:
        """Relative error of the rewritten text; None where the class takes only so many rows."""
        if self.architecture.rows and len(rewriting.copies) != self.architecture.rows:
            return None
        return relative_error(self.attend(rewriting, travel)[0], plain)


def _restored_errors(subject: _Subject, rewritings: dict[str, Rewriting], plain: Tensor) -> dict[str, float | None]:
    """Errors when the copies of a row share its mass by log-weights on all text keys, and places travel if they can."""
    twice = rewritings["duplication"]
    shared = rewritings | {"duplication": Rewriting(twice.copies, torch.full_like(twice.weights, 0.5))}
    del shared["scaling"]  # dividing by the total mass is what the weights are for
    travel = subject.architecture.places
    return {name: subject.error(rewriting, plain, travel) for name, rewriting in shared.items()}


def _exceeds(errors: dict[str, float | None], tolerance: float) -> bool:
    return any(error is None or error > tolerance for error in errors.values())


def _restored_by(errors: dict, restored: dict, traits: dict[str, str | None], tolerance: float) -> str:
    """What makes the output a function of the measure alone, where it is not one already."""
    if not _exceeds(errors, tolerance):
        return "holds as it is"
    if not _exceeds(restored, tolerance):
        places = ", places travelling with the rows" if traits["positions"] else ""
        return f"log-weights on the text keys{places}"
    return "nothing: " + (traits["pooled"] or "places are counted inside the class")


def _traits(
    architecture: Architecture,
    plain: Sequence[AttentionToText],
    permuted: Sequence[AttentionToText],
    permutation: Rewriting,
) -> dict[str, str | None]:
    """What the attention calls show: who shares a softmax with the text, and whether its keys know their place."""
    if not plain:
        raise RuntimeError(f"{architecture.name}: no attention to its text was seen; text_keys is wrong")
    traits: dict[str, str | None] = {
        "softmax": "cross-attention to text alone",
        "positions": _positions_on_keys(plain[0].text_keys[:, permutation.copies], permuted[0].text_keys),
        "rows": "takes a fixed number of rows" if architecture.rows else None,
        "pooled": None,
    }
    other_keys = max(call.keys - sum(span.stop - span.start for span in call.spans) for call in plain)
    if other_keys > architecture.other_rows:
        traits["softmax"] = "one softmax over text and image"
    elif other_keys:
        traits["softmax"] = "cross-attention to two texts at once"
    return traits


def _positions_on_keys(travelled: Tensor, permuted: Tensor) -> str | None:
    """Do the text's keys move with their rows? Rotary positions turn them and keep their length.

    Args:
        travelled: keys of the plain text, put into the permuted order.
        permuted: keys of the permuted text, from the same attention.
    """
    if relative_error(permuted, travelled) < FINE:
        return None
    rotary = relative_error(permuted.norm(dim=-1), travelled.norm(dim=-1)) < FINE
    return "rotary positions on text" if rotary else "positions added to text"


def _arguments(architecture: Architecture) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in architecture.configuration.items())
