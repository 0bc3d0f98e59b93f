"""A family of models: what tells its pipelines apart, and how texts go in and out of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from whichway.analysis.families.conditioning import Conditioning


@dataclass(frozen=True)
class Family:
    """Data, one entry for each family; all that differs between families is said here and nowhere else.

    Attributes:
        name: as messages say it.
        components: of a pipeline that belongs to the family (names of diffusers).
        without: components that none of its pipelines has.
        denoiser: the component that sees the text.
        clouds: the encoders whose rows are a cloud each.
        symmetry: what the image is a function of, by the family's architecture (``whichway invariance`` checks it):
            the measure, the set of rows, or the rows in their sequence. Only the first two may be re-matched.
        embeds: arguments of the pipeline's call for the rows of the prompts and of the negative prompts.
        encode: pipeline, prompts → one conditioning for each, one after the other; warns of prompts that are cut off.
        width: pipeline → d of the rows that its denoiser takes.
    """

    name: str
    components: tuple[str, ...]
    without: tuple[str, ...]
    denoiser: str
    clouds: tuple[str, ...]
    symmetry: Literal["measure", "set", "sequence"]
    embeds: tuple[str, str]
    encode: Callable[[Any, Sequence[str]], Iterator[Conditioning]]
    width: Callable[[Any], int]

    def owns(self, pipeline: Any) -> bool:
        """Whether the pipeline has the family's components and none that it must not have."""
        has = {name for name in (*self.components, *self.without) if getattr(pipeline, name, None) is not None}
        return has == set(self.components)
