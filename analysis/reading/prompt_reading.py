"""How prompts are read: what brackets mean, and what becomes of a prompt that is too long for its encoder."""

import warnings
from dataclasses import asdict, dataclass

from whichway.analysis.errors import require_known
from whichway.analysis.reading.prompt_syntax import has_typed_weights, read_weighted
from whichway.analysis.reading.weighted_text import WeightedText, plain_text
from whichway.analysis.vocabulary import CHUNK_MASSES, LONG_PROMPTS, SYNTAXES, WORD_WEIGHTS


class PromptSyntaxWarning(UserWarning):
    """A prompt holds weights or a BREAK, and is read as plain text."""


@dataclass(frozen=True)
class PromptReading:
    """The same for all prompts of a run, negative ones too.

    Attributes:
        syntax: :data:`whichway.analysis.vocabulary.SYNTAXES`.
        word_weights: :data:`whichway.analysis.vocabulary.WORD_WEIGHTS`.
        long_prompts: :data:`whichway.analysis.vocabulary.LONG_PROMPTS`; BREAK begins a chunk under either.
        chunk_masses: :data:`whichway.analysis.vocabulary.CHUNK_MASSES`.

    Raises:
        UserError: a choice that is not known.
    """

    syntax: str = "plain"
    word_weights: str = "mass"
    long_prompts: str = "truncate"
    chunk_masses: str = "own-rows"

    def __post_init__(self) -> None:
        require_known("syntax", self.syntax, SYNTAXES)
        require_known("word_weights", self.word_weights, WORD_WEIGHTS)
        require_known("long_prompts", self.long_prompts, LONG_PROMPTS)
        require_known("chunk_masses", self.chunk_masses, CHUNK_MASSES)

    @property
    def changes(self) -> dict[str, str]:
        """What is not the default: of records, so that those of before read as they did."""
        default = asdict(PromptReading())
        return {name: value for name, value in asdict(self).items() if value != default[name]}

    def read(self, prompt: str) -> tuple[WeightedText, ...]:
        """The texts between breaks. Warns, once, of weights in a plain prompt.

        Raises:
            UserError: weighted syntax that cannot be read.
        """
        if self.syntax == "weighted":
            return read_weighted(prompt)
        if has_typed_weights(prompt):
            message = (  # the same for all prompts, so that Python says it once
                "a prompt holds a weight such as (word:1.3), or BREAK, which is read as it stands; "
                "syntax 'weighted' (--syntax weighted) reads it as AUTOMATIC1111 does"
            )
            warnings.warn(message, PromptSyntaxWarning, stacklevel=2)
        return (plain_text(prompt),)

    def words(self, prompt: str) -> str:
        """What the prompt says, without its weights: what a picture is compared with."""
        return " ".join(text.text for text in read_weighted(prompt)) if self.syntax == "weighted" else prompt
