"""Conditionings → the arguments with which a pipeline's call takes them, and the weights that its rows should have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from whichway.analysis.families import Conditioning, Family
from whichway.analysis.families.family import MASK, ROWS, negative


@dataclass(frozen=True)
class TextArguments:
    """A batch of prompts, and the negative prompt beside each of them where the image is guided.

    Attributes:
        family: of the pipeline.
        prompts, negatives: one conditioning for each frame; no negatives: the pipeline does not look at any.
        rows: of the prompts, then of the negatives, padded with zeros to one length.
        weights: what each row weighs, in rows: 1 is a row that is simply there, 0 one that is not.
    """

    family: Family
    prompts: Sequence[Conditioning]
    negatives: Sequence[Conditioning]
    rows: Float[Tensor, "batch n d"]
    weights: Float[Tensor, "batch n"]

    @property
    def plain(self) -> bool:
        """Whether the pipeline sees the rows as they should be seen, without weights on its attention's logits."""
        if self.weights.requires_grad:  # they have to be in the graph, also where they are all the same
            return False
        alone, masked = self.family.text_keys == "alone", self.family.mask == "hidden"
        there = self.weights > 0
        first = self.weights.max(dim=1, keepdim=True).values if alone else torch.ones_like(self.weights[:, :1])
        even = (self.weights == first) | ~there if masked else self.weights == first
        return bool(even.all())

    def arguments(self, accepted: Mapping[str, Any]) -> dict[str, Any]:
        """Keyword arguments of the pipeline's call, which accepts so many."""
        count = len(self.prompts)
        arguments: dict[str, Any] = self._named(self.prompts, slice(0, count))
        if self.negatives:
            given = self._named(self.negatives, slice(count, None))
            arguments |= {negative(name): value for name, value in given.items()}
        if "negative_prompt" in accepted:
            arguments |= {"negative_prompt": None}  # PixArt's and Sana's default is a text
        return arguments

    def _named(self, conditionings: Sequence[Conditioning], part: slice) -> dict[str, Tensor]:
        named = {ROWS: self.rows[part]}
        if self.family.mask:
            there = self.weights[part] > 0 if self.family.mask == "hidden" else torch.ones_like(self.weights[part])
            named[MASK] = there.to(self.rows.device, torch.long)
        for name, argument in self.family.vectors.items():
            named[argument] = torch.stack([each.vectors[name] for each in conditionings]).to(self.rows)
        return named

    def passes(self) -> list[Float[Tensor, "_ n"]]:
        """The weights of each pass of the denoiser over the batch: those of one size take turns."""
        count = len(self.prompts)
        prompts, negatives = self.weights[:count], self.weights[count:]
        if not self.negatives:
            return [prompts]
        if self.family.guidance == "apart":
            return [prompts, negatives]
        return [torch.cat([negatives, prompts]), prompts]  # the prompts once more: SD 3's skip-layer guidance


def text_arguments(
    family: Family,
    prompts: Sequence[Conditioning],
    negatives: Sequence[Conditioning],
    *,
    device: torch.device,
    dtype: torch.dtype,
) -> TextArguments:
    """The rows of each conditioning's clouds, one cloud after the other as the pipeline takes them."""
    everything = [*prompts, *negatives]
    rows = [torch.cat([each.clouds[name].rows for name in family.clouds]).to(device, dtype) for each in everything]
    weights = [torch.cat([_row_weights(each, name) for name in family.clouds]) for each in everything]
    return TextArguments(
        family, prompts, negatives, pad_sequence(rows, batch_first=True), pad_sequence(weights, batch_first=True)
    )


def _row_weights(conditioning: Conditioning, name: str) -> Float[Tensor, " n"]:
    """Of one cloud, in rows: exactly 1 each, where the cloud is uniform and its mass is the number of its rows."""
    cloud, mass = conditioning.clouds[name], conditioning.masses[name]
    if cloud.is_uniform and not cloud.weights.requires_grad:
        return torch.full((len(cloud),), mass / len(cloud), dtype=torch.float64)
    return cloud.weights.double().cpu() * mass
