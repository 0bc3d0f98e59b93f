"""A family of models: what tells its pipelines apart, and how texts go in and out of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from whichway.analysis.families.encoder import Encoder

#: arguments of a pipeline's call; those of the negative prompt are called ``negative_…``
ROWS, POOLED, MASK = "prompt_embeds", "pooled_prompt_embeds", "prompt_attention_mask"
#: what ``encode_prompt`` returns: with pooled texts, with masks
WITH_POOLED = (ROWS, f"negative_{ROWS}", POOLED, f"negative_{POOLED}")
WITH_MASK = (ROWS, MASK, f"negative_{ROWS}", f"negative_{MASK}")


@dataclass(frozen=True, kw_only=True)
class Family:
    """Data, one entry for each family; all that differs between families is written here and nowhere else.

    Attributes:
        name: as messages say it.
        pipelines: classes of diffusers whose pipelines, and those of whose subclasses, belong to the family.
        denoiser: the component that sees the text.
        encoders: the clouds, in the order in which their rows stand in the matrix that the pipeline takes.
        returns: what the pipeline's ``encode_prompt`` returns, as arguments of the pipeline's call; "": not needed.
        vectors: name in the conditioning → argument of the pipeline's call.
        mask: what becomes of masked rows. "hidden": the denoiser does not see them, so they are in no cloud;
            "zeroed": the denoiser sees zeros, which are rows as others are. None: there is no mask.
        guidance: where the negative prompt is. "together": in one batch with the prompts, before them; "apart": in a
            pass of its own, after the prompts', and only with a ``true_cfg_scale`` above 1.
        text_keys: where a denoiser's attention has its keys of the text. "alone": cross-attention; "first", "last":
            joint attention, before or after the image's; the mass of a cloud then counts against the image.
        symmetry: what the image is a function of, by the family's architecture (``whichway invariance`` checks it):
            the measure, the set of rows, or the rows in their sequence. Only the first two may be re-matched.
        text_modules: modules of the denoiser that rewrite the rows, one by one, before its attention does.
        width: pipeline → d of the rows that its denoiser takes.
        call_options: pipeline → further arguments of its call.
    """

    name: str
    pipelines: tuple[str, ...]
    denoiser: str
    encoders: tuple[Encoder, ...]
    returns: tuple[str, ...]
    width: Callable[[Any], int]
    vectors: Mapping[str, str] = field(default_factory=dict)
    mask: Literal["hidden", "zeroed"] | None = None
    guidance: Literal["together", "apart"] = "together"
    text_keys: Literal["alone", "first", "last"] = "alone"
    symmetry: Literal["measure", "set", "sequence"] = "measure"
    text_modules: Sequence[str] = ()
    call_options: Callable[[Any], Mapping[str, Any]] = lambda pipeline: {}

    def owns(self, pipeline: Any) -> bool:
        """Whether the pipeline's class, or one that it was made from, is one of the family's."""
        return any(ancestor.__name__ in self.pipelines for ancestor in type(pipeline).__mro__)

    @property
    def clouds(self) -> tuple[str, ...]:
        """The names of the clouds."""
        return tuple(encoder.cloud for encoder in self.encoders)

    def is_guided(
        self, pipeline: Any, *, guidance_scale: float, negative_prompt: str | None, true_cfg_scale: float
    ) -> bool:
        """Whether the pipeline's call looks at the negative prompt under these settings."""
        if self.guidance == "apart":
            return negative_prompt is not None and true_cfg_scale > 1
        embedded = getattr(pipeline, self.denoiser).config.get("time_cond_proj_dim") is not None  # as in LCM
        return guidance_scale > 1 and not embedded


def negative(argument: str) -> str:
    """The same argument of the negative prompt."""
    return f"negative_{argument}"
