"""Prompts that a model has encoded, remembered where its text encoders will be let go of."""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning

Prompt = TypeVar("Prompt", bound=str | None)


class EncodedPrompts(Generic[Prompt]):
    """Encodes prompts, and where it keeps them each only once.

    Attributes:
        closed: whether there is nothing left to encode with.
    """

    def __init__(self, name: str, encode: Callable[[Sequence[Prompt]], Iterator[Conditioning]], *, keeps: bool) -> None:
        self.name, self.encode, self.keeps, self.closed = name, encode, keeps, False
        self._kept: dict[Prompt, Conditioning] = {}

    def each(self, prompts: Sequence[Prompt]) -> Iterator[Conditioning]:
        """Raises a :class:`~whichway.analysis.errors.UserError` for a prompt that comes too late."""
        if not self.keeps:
            yield from self.encode(prompts)
            return
        missing = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._kept]
        if missing and self.closed:
            raise UserError(
                f"prompt {missing[0]!r} comes after the text encoders of model {self.name!r} were freed; encode all "
                "prompts before the first image, or load the model without free_text_encoders"
            )
        if missing:
            self._kept.update(zip(missing, self.encode(missing), strict=True))
        yield from (self._kept[prompt] for prompt in prompts)
