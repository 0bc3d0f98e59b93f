"""Sana: Gemma's rows of an instruction and the prompt, padding hidden by a mask; cross-attention after a projection.

The pipeline's own call puts an instruction of a few hundred tokens before each prompt, not before the negative one, and
gives the denoiser the first row and the last 299: the prompt's, and as much of the instruction as is left.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from whichway.analysis.families.encoder import Encoder, called_with, sequence_length, token_names
from whichway.analysis.families.family import WITH_MASK, Family
from whichway.analysis.families.pixart import size_bins, text
from whichway.analysis.reading.weighted_text import WeightedText


@dataclass(frozen=True)
class InstructedEncoder(Encoder):
    """An encoder that reads an instruction before each prompt."""

    def token_count(self, pipeline: Any, prompt: str) -> int:
        """Without those of the instruction's tokens that have no rows."""
        instruction, cut = self._instruction(pipeline)
        read = instruction + self.text(pipeline, prompt)
        return len(pipeline.tokenizer(read, verbose=False).input_ids) - cut

    def labels(self, pipeline: Any, prompt: str) -> tuple[str, ...]:
        instruction, cut = self._instruction(pipeline)
        read, positions = instruction + self.text(pipeline, prompt), self.positions(pipeline)
        ids = pipeline.tokenizer(
            read, padding="max_length", max_length=positions + cut, truncation=True, verbose=False
        ).input_ids
        return token_names(pipeline.tokenizer, [ids[0], *ids[1 - positions :]])

    def token_weights(self, pipeline: Any, text: WeightedText) -> Float[Tensor, " positions"]:
        instruction, cut = self._instruction(pipeline)
        positions = self.positions(pipeline)
        weights = self._weights(pipeline, text, instruction, positions + cut)
        return torch.tensor([weights[0], *weights[1 - positions :]], dtype=torch.float64)

    def of_negative(self) -> Encoder:
        """No instruction comes before a negative prompt."""
        return Encoder(self.cloud, self.tokenizers, self.positions, self.text)

    def _instruction(self, pipeline: Any) -> tuple[str, int]:
        """The instruction, and how many of its tokens have no rows: all but two."""
        lines = called_with(pipeline, "complex_human_instruction")
        if not lines:
            return "", 0
        instruction = "\n".join(lines)
        return instruction, len(pipeline.tokenizer(instruction, verbose=False).input_ids) - 2


SANA = Family(
    name="Sana",
    pipelines=("SanaPipeline",),
    denoiser="transformer",
    encoders=(InstructedEncoder("gemma", ("tokenizer",), sequence_length, text),),
    returns=WITH_MASK,
    mask="hidden",
    text_modules=("caption_projection", "caption_norm"),
    width=lambda pipeline: pipeline.transformer.config.caption_channels,
    call_options=size_bins,
)
