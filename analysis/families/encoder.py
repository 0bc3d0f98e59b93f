"""A text encoder of a pipeline: which rows of the conditioning it writes, and the tokens that stand at them."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from whichway.analysis.errors import UserError
from whichway.analysis.families.word_weights import weights_of_tokens
from whichway.analysis.quiet import quiet_libraries
from whichway.analysis.reading.weighted_text import WeightedText

UNBOUNDED = 10**6  # positions; tokenizers of transformers that know no length say 10^30


def as_it_is(pipeline: Any, prompt: str) -> str:
    """The prompt, unchanged."""
    return prompt


@dataclass(frozen=True)
class Encoder:
    """The encoder (or several of one length, side by side in each row) whose rows are one cloud.

    Attributes:
        cloud: the name of its cloud.
        tokenizers: attributes of the pipeline. The first one that the pipeline has names the rows; the one that needs
            most tokens says how many rows are the prompt's own.
        positions: pipeline → how many rows it writes for each prompt.
        text: pipeline, prompt → what the tokenizer is given.
        chunked: whether a prompt that is too long for it may be read in chunks, as CLIP's 77 tokens call for; others
            read so many tokens that they need none.
        argument: of ``encode_prompt``: the text for this encoder, where others beside it are given other texts.
    """

    cloud: str
    tokenizers: tuple[str, ...]
    positions: Callable[[Any], int]
    text: Callable[[Any, str], str] = as_it_is
    chunked: bool = False
    argument: str = "prompt"

    def token_count(self, pipeline: Any, prompt: str) -> int:
        """Tokens that the prompt needs, special ones included; 0 where the pipeline has none of the tokenizers."""
        counts = [
            len(tokenizer(self._text_for(pipeline, tokenizer, prompt), verbose=False).input_ids)
            for tokenizer in self._tokenizers(pipeline)
        ]
        return max(counts, default=0)

    def labels(self, pipeline: Any, prompt: str) -> tuple[str, ...]:
        """The token at each position, padding included; empty where the pipeline has none of the tokenizers."""
        for tokenizer in self._tokenizers(pipeline):
            text, positions = self._text_for(pipeline, tokenizer, prompt), self.positions(pipeline)
            ids = tokenizer(text, padding="max_length", max_length=positions, truncation=True).input_ids
            return token_names(tokenizer, ids)
        return ()

    def token_weights(self, pipeline: Any, text: WeightedText) -> Float[Tensor, " positions"]:
        """The weight of the word at each position, 1 for special tokens and padding; float64.

        Raises:
            UserError: as :func:`whichway.analysis.families.word_weights.weights_of_tokens`.
        """
        return torch.tensor(self._weights(pipeline, text, "", self.positions(pipeline)), dtype=torch.float64)

    def of_negative(self) -> "Encoder":
        """As it reads negative prompts."""
        return self

    def _weights(self, pipeline: Any, text: WeightedText, before: str, length: int) -> list[float]:
        for tokenizer in self._tokenizers(pipeline):
            beginnings = accumulate(stretch for stretch, _ in text.stretches)
            converted = [self._text_for(pipeline, tokenizer, beginning) for beginning in beginnings]
            return weights_of_tokens(
                tokenizer, text, converted, before=before, padding="max_length", max_length=length, truncation=True
            )
        raise UserError(f"word weights: the pipeline has no tokenizer for {self.cloud!r}; leave weights out")

    def _tokenizers(self, pipeline: Any) -> list[Any]:
        tokenizers = (getattr(pipeline, name, None) for name in self.tokenizers)
        return [tokenizer for tokenizer in tokenizers if tokenizer is not None]

    def _text_for(self, pipeline: Any, tokenizer: Any, prompt: str) -> str:
        """As the pipeline's encoder is given it: an embedding learned by textual inversion may take several tokens."""
        text = self.text(pipeline, prompt)
        if not hasattr(pipeline, "maybe_convert_prompt"):
            return text
        with quiet_libraries():  # a text that is too long is counted here, and cut up or reported by us
            return str(pipeline.maybe_convert_prompt(text, tokenizer))


def token_names(tokenizer: Any, ids: list[int]) -> tuple[str, ...]:
    """Tokens without the marks that tokenizers put on the ends of words."""
    return tuple(token.removesuffix("</w>").removeprefix("▁") or "▁" for token in tokenizer.convert_ids_to_tokens(ids))


def clip_positions(pipeline: Any) -> int:
    """How many tokens CLIP's tokenizer pads each prompt to: 77.

    Raises:
        UserError: a tokenizer without a length.
    """
    positions: int = pipeline.tokenizer.model_max_length
    if positions > UNBOUNDED:
        raise UserError(
            f"the tokenizer ({type(pipeline.tokenizer).__name__}) says no length; "
            'wanted one with a "model_max_length" in its tokenizer_config.json, 77 for CLIP'
        )
    return positions


def called_with(pipeline: Any, name: str) -> Any:
    """What the pipeline's own call takes for an argument that it is not given; None: it has no such argument.

    A subclass of the user's may hand its arguments on without naming them: then its parent's call says so.
    """
    for ancestor in type(pipeline).__mro__:
        parameter = inspect.signature(ancestor.__call__).parameters.get(name) if "__call__" in vars(ancestor) else None
        if parameter is not None:
            return parameter.default
    return None


def sequence_length(pipeline: Any) -> int:
    """How many tokens the pipeline's own call pads a prompt to: its ``max_sequence_length``."""
    length: int = called_with(pipeline, "max_sequence_length")
    return length
