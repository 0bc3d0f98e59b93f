"""What guidance moves away from: the negative prompt, where a model under these settings looks at one."""

from typing import Any, Protocol, runtime_checkable

from whichway.analysis.errors import UserError
from whichway.analysis.families import Conditioning, Family
from whichway.analysis.images.sampling import ResolvedSampling


@runtime_checkable
class GuidedModel(Protocol):
    """What is asked of a model here."""

    @property
    def pipeline(self) -> Any: ...
    @property
    def family(self) -> Family: ...
    def encode_negative(self, prompt: str | None) -> Conditioning: ...


def is_guided(model: GuidedModel, sampling: ResolvedSampling) -> bool:
    """Whether the denoiser sees a negative prompt beside each prompt.

    Raises:
        UserError: settings of guidance that the model's family does not have, or that would have no effect.
    """
    family, scale = model.family, sampling.true_cfg_scale
    if family.guidance == "together" and scale != 1:
        raise UserError(f"true_cfg_scale: {family.name} has none, got {scale:g}; wanted a guidance_scale alone")
    if family.guidance == "apart" and sampling.negative_prompt is not None and not scale > 1:
        raise UserError(f"negative_prompt: {family.name} looks at it only with a true_cfg_scale above 1, got {scale:g}")
    return family.is_guided(
        model.pipeline,
        guidance_scale=sampling.guidance_scale,
        negative_prompt=sampling.negative_prompt,
        true_cfg_scale=scale,
    )


def walking_negative(negative_prompt_end: str | None) -> dict[str, str]:
    """Of a run's identity: nothing where the negative prompt stays, as records of before have it."""
    return {} if negative_prompt_end is None else {"negative_prompt_end": negative_prompt_end}


def negative_ends(
    model: GuidedModel, sampling: ResolvedSampling, negative_prompt_end: str | None
) -> tuple[Conditioning, Conditioning] | None:
    """The sampling's negative prompt and another one, to which it walks; None: it stays.

    Raises:
        UserError: as :func:`is_guided`; a second one where the images are not guided.
    """
    if negative_prompt_end is None:
        return None
    start = negative_conditioning(model, sampling)
    if start is None:
        raise UserError(
            "negative_prompt_end: without guidance no negative prompt is looked at; wanted a guidance_scale above 1, "
            "and of Flux a negative_prompt and a true_cfg_scale above 1"
        )
    return start, model.encode_negative(negative_prompt_end)


def negative_conditioning(model: GuidedModel, sampling: ResolvedSampling) -> Conditioning | None:
    """What guidance moves away from; None: the images are not guided.

    Raises:
        UserError: as :func:`is_guided`.
    """
    return model.encode_negative(sampling.negative_prompt) if is_guided(model, sampling) else None
