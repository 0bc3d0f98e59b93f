"""An inversion's search on disk: how far its descents have come, so that an interrupted one goes on from there."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from whichway.analysis.files import write_safetensors
from whichway.analysis.inversion.descent import Descent
from whichway.analysis.inversion.parts import Offsets

TRACE = ("objectives", "distances", "excesses")


@dataclass(frozen=True)
class InversionStore:
    """``search.safetensors`` in the inversion's folder: offsets and Adam's moments of every descent; the noise, if it
    is one of its own.
    """

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "search.safetensors"

    def write(self, descents: Sequence[Descent]) -> None:
        tensors: dict[str, torch.Tensor] = {}
        for k, descent in enumerate(descents):
            for which, offsets in {"now": descent.offsets, "best": descent.best}.items():
                tensors |= {f"{k}.{which}.{name}": z.clone() for name, z in offsets.items()}
            for name, (first, second) in descent.moments.items():
                tensors |= {f"{k}.first.{name}": first, f"{k}.second.{name}": second}
        traces = [{"prompt": each.prompt} | {key: getattr(each, key) for key in TRACE} for each in descents]
        write_safetensors(self.path, tensors, {"traces": json.dumps(traces)})

    def read(self, new: Sequence[Descent]) -> list[Descent]:
        """The descents as they were left; ``new`` ones where there are none of these starts, or the file is damaged."""
        try:
            with safe_open(self.path, framework="pt") as file:
                traces = json.loads(file.metadata()["traces"])
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
            if [trace["prompt"] for trace in traces] != [each.prompt for each in new]:
                return [*new]
            return [_descent(k, trace, tensors, each) for k, (trace, each) in enumerate(zip(traces, new, strict=True))]
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):
            return [*new]


def _descent(k: int, trace: dict, tensors: dict[str, torch.Tensor], new: Descent) -> Descent:
    def of_parts(which: str) -> Offsets:
        offsets = {name: tensors[f"{k}.{which}.{name}"] for name in new.offsets}
        if any(z.shape != new.offsets[name].shape for name, z in offsets.items()):
            raise ValueError("offsets of other shapes")
        return offsets

    first, second = of_parts("first"), of_parts("second")
    return Descent(
        new.prompt,
        of_parts("now"),
        of_parts("best"),
        {name: (first[name], second[name]) for name in first},
        *(list(map(float, trace[key])) for key in TRACE),
    )
