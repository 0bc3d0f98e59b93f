"""What a pipeline's encoders returned of one prompt → its conditioning: clouds, what their rows weigh, vectors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from whichway.analysis.families.chunks import ReadPrompt, weights_of_chunks
from whichway.analysis.families.conditioning import Conditioning
from whichway.analysis.families.encoder import Encoder
from whichway.analysis.families.family import MASK, ROWS, Family
from whichway.analysis.families.word_weights import scaled_rows
from whichway.analysis.reading.prompt_reading import PromptReading
from whichway.geometry import PointCloud


@dataclass(frozen=True)
class EncodedRows:
    """Of one prompt, each tensor with one element for each chunk.

    Attributes:
        tensors: by the names of the pipeline's arguments.
        empty: those of the empty prompt, where word weights scale rows.
        negative: whether the prompt is a negative one.
    """

    family: Family
    pipeline: Any
    tensors: Mapping[str, Tensor]
    empty: Mapping[str, Tensor] | None = None
    negative: bool = False

    def of(self, encoder: Encoder) -> tuple[Float[Tensor, "chunks n d"], Bool[Tensor, "chunks n"], Tensor | None]:
        """The encoder's rows, which of them the denoiser sees, and the empty prompt's rows (n, d)."""
        rows = self.tensors[ROWS].float().cpu()
        hidden = self.family.mask == "hidden"
        visible = self.tensors[MASK].cpu().bool() if hidden else torch.ones(rows.shape[:2], dtype=torch.bool)
        names = list(self.family.clouds)
        sizes = [before.positions(self.pipeline) for before in self.family.encoders[:-1]]
        place = names.index(encoder.cloud)
        start = sum(sizes[:place])
        own = slice(start, start + sizes[place] if place < len(sizes) else None)
        empty = None if self.empty is None else self.empty[ROWS].float().cpu()[0, own]
        chunks = slice(None) if encoder.chunked else slice(1)
        return rows[chunks, own], visible[chunks, own], empty

    def encoders(self) -> list[Encoder]:
        return [each.of_negative() if self.negative else each for each in self.family.encoders]


def conditioning_of(encoded: EncodedRows, prompt: ReadPrompt | None, reading: PromptReading) -> Conditioning:
    """The conditioning of a prompt; of None, there being no prompt at all, rows without labels."""
    clouds, masses = {}, {}
    for encoder in encoded.encoders():
        cloud, masses[encoder.cloud] = _cloud(encoded, encoder, prompt, reading)
        clouds[encoder.cloud] = cloud
    arguments = encoded.family.vectors.items()
    vectors = {name: encoded.tensors[argument][0].float().cpu() for name, argument in arguments}
    return Conditioning(clouds, masses, vectors, prompt.source if prompt else "")


def _cloud(
    encoded: EncodedRows, encoder: Encoder, prompt: ReadPrompt | None, reading: PromptReading
) -> tuple[PointCloud, float]:
    """One encoder's cloud and its mass in rows: the sum of its chunks'."""
    rows, seen, empty = encoded.of(encoder)
    if prompt is None:
        cloud = PointCloud(rows[0][seen[0]].clone())
        return cloud, float(len(cloud))
    pipeline, positions = encoded.pipeline, rows.shape[1]
    texts = prompt.texts(encoder.chunked)
    own = [min(encoder.token_count(pipeline, text.text) or positions, positions) for text in texts]
    ones = torch.ones(positions, dtype=torch.float64)
    of_words = torch.stack([encoder.token_weights(pipeline, text) if text.is_weighted else ones for text in texts])
    if empty is not None:
        rows = torch.stack([scaled_rows(of_chunk, empty, w) for of_chunk, w in zip(rows, of_words, strict=True)])
        of_words = torch.ones_like(of_words)
    weights = (weights_of_chunks(own, positions, reading) * of_words).flatten()
    visible = seen.flatten() & (weights > 0)
    labels = [label for text in texts for label in encoder.labels(pipeline, text.text)]
    kept = rows.flatten(0, 1)[visible].clone()
    uneven = {"weights": weights[visible].to(kept)} if len(weights[visible].unique()) > 1 else {}
    cloud = PointCloud(
        kept,
        **uneven,
        labels=tuple(label for label, there in zip(labels, visible.tolist(), strict=True) if there) if labels else (),
        size=max(1, int(visible[: positions * (len(texts) - 1) + own[-1]].sum())),
        source=prompt.source,
    )
    return cloud, float(weights[visible].sum())
