"""What the weight of a word does to the rows of its tokens: it multiplies their mass, or scales the rows themselves.

Mass. Attention is ∫ v e^⟨q,k⟩ dμ / ∫ e^⟨q,k⟩ dμ, so that a word of weight w, whose rows have w times the mass, has its
keys' logits raised by log w: as if it stood there w times (design §1). Rows stay where the encoder put them.

Rows. x_i ↦ e_i + w (x_i − e_i), e the empty prompt's rows: what most tools do, and compel does in this form. It leaves
the encoder's range, and what it does depends on what the empty prompt's rows happen to be.

Either changes the word's own rows alone. What other rows say of it, since the encoder let tokens see each other, stays;
so do pooled vectors.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from whichway.analysis.errors import UserError
from whichway.analysis.reading.weighted_text import WeightedText


def weights_of_tokens(
    tokenizer: Any, text: WeightedText, converted: list[str], *, before: str = "", **padding: Any
) -> list[float]:
    """One for each token, 1 for special ones and padding. A token belongs where its last character stands.

    Args:
        converted: for each stretch, all of the text up to its end as the tokenizer is given it.
        before: what stands before the text (an instruction).
        padding: how the tokenizer pads and cuts off.

    Raises:
        UserError: a tokenizer that does not say where in the text its tokens stand; a text that is rewritten before it
            is read, so that nobody knows what became of a weighted word.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise UserError(
            f"word weights: the tokenizer ({type(tokenizer).__name__}) does not say where in a text its tokens stand; "
            "leave weights out"
        )
    whole = converted[-1]
    if any(not whole.startswith(part) for part in converted):
        raise UserError(f"word weights: the pipeline rewrites {text.text!r} across a weight; put weights elsewhere")
    ends = [len(before) + len(part) for part in converted]
    offsets = tokenizer(before + whole, return_offsets_mapping=True, **padding).offset_mapping
    return [
        1.0 if start == end or end <= len(before) else _weight_at(end, ends, text) for start, end in map(tuple, offsets)
    ]


def _weight_at(end: int, ends: list[int], text: WeightedText) -> float:
    return next(weight for place, (_, weight) in zip(ends, text.stretches, strict=True) if end <= place)


def scaled_rows(
    rows: Float[Tensor, "n d"], empty: Float[Tensor, "n d"], weights: Float[Tensor, " n"]
) -> Float[Tensor, "n d"]:
    """e_i + w_i (x_i − e_i); rows of weight 1 exactly as they are."""
    scaled = empty + weights.to(rows)[:, None] * (rows - empty)
    return torch.where((weights == 1).to(rows.device)[:, None], rows, scaled)
