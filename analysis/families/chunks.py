"""A prompt that is longer than its encoder's positions: chunks of that length, which are clouds to be added up.

Every chunk is read by itself, with a start and an end token of its own, as all tools do since CLIP has 77 positions and
people write more. The rows of the chunks, one after the other, are one cloud: the sum of the chunks' measures. What it
weighs at which chunk is a choice (:data:`whichway.analysis.vocabulary.CHUNK_MASSES`), since a softmax over all rows has
no answer to it: ``docs/weights.md`` has what was measured.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from whichway.analysis.errors import UserError
from whichway.analysis.families.family import Family
from whichway.analysis.reading.prompt_reading import PromptReading
from whichway.analysis.reading.weighted_text import WeightedText


@dataclass(frozen=True)
class ReadPrompt:
    """A prompt that was read.

    Attributes:
        source: as the user wrote it.
        chunks: what the encoders that read in chunks are given, one after the other.
        whole: what those are given that read all at once.
    """

    source: str
    chunks: tuple[WeightedText, ...]
    whole: WeightedText

    @property
    def is_weighted(self) -> bool:
        return self.whole.is_weighted

    def texts(self, chunked: bool) -> tuple[WeightedText, ...]:
        return self.chunks if chunked else (self.whole,)


def read_prompt(family: Family, pipeline: Any, prompt: str, reading: PromptReading) -> ReadPrompt:
    """Its weights and chunks.

    Raises:
        UserError: syntax that cannot be read; BREAK where no encoder reads in chunks.
    """
    texts = reading.read(prompt)
    if len(texts) > 1 and not _chunked(family):
        raise UserError(f"prompt {prompt!r}: BREAK begins a chunk, but {_needs_none(family, pipeline)}; leave it out")
    chunks = [
        chunk for text in texts for chunk in (split(family, pipeline, text) if _splits(reading, family) else [text])
    ]
    spaced = [stretch for text in texts for stretch in ((" ", 1.0), *text.stretches)][1:]
    return ReadPrompt(prompt, tuple(chunks), texts[0] if len(texts) == 1 else WeightedText.of(spaced))


def require_reading(family: Family, pipeline: Any, reading: PromptReading) -> None:
    """Raises a :class:`UserError` where chunks are wanted of encoders that read a whole prompt at once."""
    if reading.long_prompts == "chunks" and not _chunked(family):
        raise UserError(f"long_prompts: {_needs_none(family, pipeline)}; leave it out")


def split(family: Family, pipeline: Any, text: WeightedText) -> Iterator[WeightedText]:
    """Chunks that fit, each as long as can be; between words, so that no word is two.

    A single word that is longer than the encoder is a chunk of its own, and is cut off.
    """
    encoders = _chunked(family)

    def fits(part: str) -> bool:
        return all(encoder.token_count(pipeline, part) <= encoder.positions(pipeline) for encoder in encoders)

    written = text.text
    if fits(written):
        yield text
        return
    words = [(match.start(), match.end()) for match in re.finditer(r"\S+", written)]
    while words:
        start, end = _longest(words, written, fits)
        yield text.cut(start, end)
        words = [word for word in words if word[0] >= end]


def weights_of_chunks(own: Sequence[int], positions: int, reading: PromptReading) -> Float[Tensor, "chunks positions"]:
    """What each row weighs, in rows, float64; 0: it is left out.

    A single chunk weighs as a prompt that was never cut up: 1 at each of its positions.

    Args:
        own: tokens of each chunk, special ones included.
    """
    weights = torch.ones(len(own), positions, dtype=torch.float64)
    counts = torch.tensor(own)[:, None]
    if len(own) == 1 or reading.chunk_masses == "equal":
        return weights
    if reading.chunk_masses == "own-rows":
        return weights * (torch.arange(positions) < counts)
    return weights * (counts / positions)


def _longest(words: Sequence[tuple[int, int]], written: str, fits: Callable[[str], bool]) -> tuple[int, int]:
    """Where the first words stand, as many as fit, one at least; by bisection."""
    start, least, beyond = words[0][0], 1, len(words) + 1
    while beyond - least > 1:
        middle = (least + beyond) // 2
        if fits(written[start : words[middle - 1][1]]):
            least = middle
        else:
            beyond = middle
    return start, words[least - 1][1]


def _chunked(family: Family) -> list[Any]:
    return [encoder for encoder in family.encoders if encoder.chunked]


def _splits(reading: PromptReading, family: Family) -> bool:
    return reading.long_prompts == "chunks" and bool(_chunked(family))


def _needs_none(family: Family, pipeline: Any) -> str:
    [encoder] = family.encoders
    return f"{encoder.cloud} of {family.name} reads {encoder.positions(pipeline)} tokens at once and needs no chunks"
