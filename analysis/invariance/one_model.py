"""The checks of one model in one dtype: functions of the conditioning, what may not change them and what must."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from whichway.analysis.families import Conditioning
from whichway.analysis.images.altered_attention import features_reordered, positions_on_keys
from whichway.analysis.images.guidance import negative_conditioning
from whichway.analysis.images.joint_attention import PlacesOnKeys, attend_jointly_with_weights, within_denoiser
from whichway.analysis.images.precision import without_tf32
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.images.text_arguments import TextArguments, text_arguments
from whichway.analysis.images.weighted_attention import add_to_logits
from whichway.analysis.invariance.levels import LEVELS, Level, Levels, Output
from whichway.analysis.invariance.record import InvarianceRecord
from whichway.analysis.invariance.rewriting import REWRITINGS, relative_error
from whichway.analysis.models.model import Model


class OneModelCheck:
    """The checks of one model in one dtype."""

    def __init__(self, model: Model, texts: tuple[str, str, str], sampling: Sampling) -> None:
        """``texts``: the prompt, another text, and the prompt's words in another order."""
        self.model, self.sampling, self.family = model, sampling.resolved(model.defaults), model.family
        self.denoiser = model.denoiser
        prompt, other, reordered = model.encode(texts)
        self.texts = prompt, other, reordered
        self.negative = negative_conditioning(model, self.sampling)
        self.joint = self.family.text_keys != "alone"
        self.levels = Levels(model, self.texts, self.sampling, guided=self.negative is not None)

    def records(self, levels: Sequence[str]) -> Iterator[InvarianceRecord]:
        return (self._record(level) for name in LEVELS if name in levels for level in self.levels.called(name))

    @torch.inference_mode()
    @without_tf32()
    def _record(self, level: Level) -> InvarianceRecord:
        """The argument itself: what must not change the output, what may by rounding alone, and what must."""
        started = time.perf_counter()
        prompt = level.texts[0]
        plain = level.evaluate(self._text(level, prompt))
        rewritten = {name: self._rewritten(level, name) for name in self._properties}
        floor = self._floor(level)
        controls = self._controls(level)
        with self._broken(level):
            broken = self._rewritten(level, "permutation").error(level.evaluate(self._text(level, prompt)))
        seen = rewritten | ({"floor": floor} if floor else {}) | controls
        measured = _along_the_steps(seen, plain)
        if measured:
            measured["details"]["sampling"] = asdict(self.sampling)
        return InvarianceRecord(
            architecture=describe(self.denoiser),
            level=level.name,
            dtype=str(self.model.dtype).removeprefix("torch."),
            errors={name: output.error(plain) for name, output in rewritten.items()},
            floor=floor.error(plain) if floor else None,
            tolerance=level.tolerance,
            controls={name: output.error(plain) for name, output in controls.items()} | {"broken_attention": broken},
            reason=level.reason,
            seconds=time.perf_counter() - started,
            **measured,
        )

    @property
    def _properties(self) -> list[str]:
        """Of a measure; where text and image share a softmax it is a finite one, and its mass may not be scaled."""
        return [name for name in REWRITINGS if not (self.joint and name == "scaling")]

    def _controls(self, level: Level) -> dict[str, Output]:
        """What has to change the output."""
        prompt, other, reordered = level.texts
        controls = {
            "different_text": level.evaluate(self._text(level, other)),
            "word_order": level.evaluate(self._text(level, reordered)),
        }
        if self.family.vectors and not level.name.startswith("layer "):
            mixed = replace(prompt, vectors=other.vectors)
            controls["other_pooled"] = level.evaluate(self._text(level, mixed))
        if self.joint:
            controls["more_mass"] = self._rewritten(level, "scaling")
        return controls

    def _floor(self, level: Level) -> Output | None:
        """With the features of the rows in another order; None where the layers are not the first to see the rows."""
        if self.joint or self.family.text_modules:
            return None
        with features_reordered(level.module) as order:
            text = self._text(level, level.texts[0])
            return level.evaluate(replace(text, rows=text.rows[..., order]))

    @contextmanager
    def _broken(self, level: Level) -> Iterator[None]:
        if self.joint:
            breaking = within_denoiser(level.module, PlacesOnKeys, self.family.text_keys)  # type: ignore[arg-type]
        else:
            breaking = positions_on_keys(level.module)
        with breaking:
            yield

    # --- texts -------------------------------------------------------------------------------------------------------

    def _text(self, level: Level, prompt: Conditioning) -> TextArguments:
        """The prompt, and beside it the negative prompt where the level sees one."""
        return text_arguments(
            self.family,
            [prompt],
            [self.negative] if self.negative and level.guided else [],
            device=self.model.pipeline._execution_device,
            dtype=self.model.dtype,
        )

    def _rewritten(self, level: Level, name: str) -> Output:
        """Both prompts are rewritten, independently of each other, and each cloud by itself."""
        generator = torch.Generator().manual_seed(self.sampling.seed)
        plain = self._text(level, level.texts[0])
        rewritten = [self._rewrite(each, name, generator) for each in (*plain.negatives, *plain.prompts)][::-1]
        rows, weights = zip(*rewritten, strict=True)
        text = replace(
            plain,
            rows=pad_sequence([*rows], batch_first=True).to(plain.rows),
            weights=pad_sequence([*weights], batch_first=True),
        )
        weighted = bool(((text.weights != 1) & (text.weights != 0)).any()) or not text.plain
        with self._weights_of(level, text) if weighted else nullcontext():
            return level.evaluate(text)

    def _rewrite(
        self, conditioning: Conditioning, name: str, generator: torch.Generator
    ) -> tuple[Float[Tensor, "m d"], Float[Tensor, " m"]]:
        rows, weights = [], []
        for encoder in self.family.clouds:
            cloud = conditioning.clouds[encoder]
            rewriting = REWRITINGS[name](len(cloud), generator)
            keeping = len(cloud) / len(rewriting.copies) if self.joint and name == "duplication" else 1
            rows.append(cloud.rows[rewriting.copies])
            weights.append(rewriting.weights * keeping)
        return torch.cat(rows), torch.cat(weights)

    def _weights_of(self, level: Level, text: TextArguments) -> AbstractContextManager:
        """Within the context the layers of the level's module see the weights."""
        if self.joint:
            return attend_jointly_with_weights(level.module, text.passes(), self.family.text_keys)  # type: ignore[arg-type]
        return add_to_logits(level.module, text.passes()[0].log())


def _along_the_steps(outputs: dict[str, Output], plain: Output) -> dict[str, dict[str, Any]]:
    """How errors grow over the sampling steps, and by how much pixels differ at the end; nothing without a picture."""
    if plain.picture is None:
        return {}
    growth = {
        name: [relative_error(*pair) for pair in zip(output.steps, plain.steps, strict=True)]
        for name, output in outputs.items()
    }
    final = plain.picture.astype(int)
    pixels = {name: int(np.abs(output.picture - final).max()) for name, output in outputs.items()}  # type: ignore[operator]
    return {"growth": growth, "details": {"largest_pixel_difference": pixels}}


def describe(denoiser: Any) -> str:
    """The class and what of its configuration decides where it sees text."""
    names = ("block_out_channels", "down_block_types", "cross_attention_dim", "attention_head_dim")
    config = {name: denoiser.config[name] for name in names if name in denoiser.config}
    return f"{type(denoiser).__name__}({', '.join(f'{name}={value!r}' for name, value in config.items())})"
