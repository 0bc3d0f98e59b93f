"""Where the text stands among the keys of one attention: each layout is a function ``(keys, n) → spans``.

``keys`` is how many keys the attention has, n how many text rows there are. The spans are the positions of the text
rows in their order, one slice for each copy of the cloud, and none where the attention sees no text.
"""

from collections.abc import Callable, Sequence

Spans = Sequence[slice]


def text_alone(keys: int, n: int) -> Spans:
    """Cross-attention: the keys are the text rows and nothing else."""
    return [slice(0, n)] if keys == n else []


def text_first(image_tokens: int, before: int = 0) -> Callable[[int, int], Spans]:
    """Joint attention over ``before`` registers, the text, the image; and attention of the text to itself."""

    def spans(keys: int, n: int) -> Spans:
        joint = keys in (before + n, before + n + image_tokens)
        return [slice(before, before + n)] if joint else text_alone(keys, n)

    return spans


def text_last(image_tokens: int) -> Callable[[int, int], Spans]:
    """Joint attention over the image, then the text; and attention of the text to itself."""

    def spans(keys: int, n: int) -> Spans:
        return [slice(image_tokens, keys)] if keys == image_tokens + n else text_alone(keys, n)

    return spans
