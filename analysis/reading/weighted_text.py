"""A text whose stretches have weights: what a prompt with brackets says once it is read."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True)
class WeightedText:
    """Stretches of text, one after the other, each with a positive weight; no two neighbours have the same."""

    stretches: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, stretches: Iterable[tuple[str, float]]) -> "WeightedText":
        """Neighbours of one weight joined; what weighs nothing is not there, nor the space that it leaves behind."""
        kept: list[tuple[str, float]] = []
        left_out = False
        for stretch, weight in stretches:
            text = stretch.lstrip() if left_out and (not kept or kept[-1][0][-1].isspace()) else stretch
            if weight == 0:
                left_out = True
            elif text:
                kept.append((text, weight))
                left_out = False
        return cls(
            tuple(
                ("".join(text for text, _ in together), weight)
                for weight, together in groupby(kept, lambda stretch: stretch[1])
            )
        )

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.stretches)

    @property
    def is_weighted(self) -> bool:
        """Whether any weight is not 1."""
        return any(weight != 1 for _, weight in self.stretches)

    def cut(self, start: int, end: int) -> "WeightedText":
        """The characters from ``start`` to before ``end``, with their weights."""
        kept, place = [], 0
        for text, weight in self.stretches:
            part = text[max(start - place, 0) : max(end - place, 0)]
            if part:
                kept.append((part, weight))
            place += len(text)
        return WeightedText(tuple(kept))


def plain_text(text: str) -> WeightedText:
    """All of it with weight 1."""
    return WeightedText(((text, 1.0),))
