"""Is a pipeline a text-to-image pipeline at all? And do its tokenizers and text encoders fit it?"""

import inspect
import typing
from collections.abc import Mapping
from typing import Any

from whichway.analysis.errors import UserError
from whichway.analysis.families import FAMILIES


def require_text_to_image(
    pipeline_class: str, name: str, denoiser: Mapping[str, Any] | None = None, vae: Mapping[str, Any] | None = None
) -> None:
    """Refuse pipelines that make an image of an image; ``denoiser`` and ``vae`` are configurations, where known.

    Raises:
        UserError: with what it is, and the class of diffusers that would be right.
    """
    if not any(pipeline_class in family.pipelines for family in FAMILIES.values()):
        _require_pipeline_of_text(pipeline_class, name)
    channels, latents = (denoiser or {}).get("in_channels"), (vae or {}).get("latent_channels")
    if channels is None or latents is None:
        return
    if channels not in (latents, 4 * latents):  # four where 2 × 2 latents are packed into one token (Flux)
        task = "an inpainting model" if channels == 2 * latents + 1 else "a model that is given an image too"
        raise UserError(
            f"model {name!r} is {task}: its denoiser takes {channels} channels where its latents have {latents}; "
            "wanted a text-to-image model"
        )


def _require_pipeline_of_text(pipeline_class: str, name: str) -> None:
    """By diffusers' own tables, which import every pipeline that it has: half the time of loading a model.

    Raises:
        UserError: the class makes an image of an image.
    """
    from diffusers.pipelines import auto_pipeline

    tasks = {
        "an image-to-image pipeline": auto_pipeline.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING,
        "an inpainting pipeline": auto_pipeline.AUTO_INPAINT_PIPELINES_MAPPING,
    }
    from_text = auto_pipeline.AUTO_TEXT2IMAGE_PIPELINES_MAPPING
    if pipeline_class not in {cls.__name__ for cls in from_text.values()}:
        for task, pipelines in tasks.items():
            for family, cls in pipelines.items():
                if cls.__name__ == pipeline_class:
                    right = f"; wanted a {from_text[family].__name__}" if family in from_text else ""
                    raise UserError(f"model {name!r} is {task} ({pipeline_class}), which needs an image too{right}")


def require_fitting_texts(pipeline: Any, name: str) -> None:
    """Tokenizers that know their length, and text encoders of the classes that the pipeline is written for.

    Raises:
        UserError: with what would be right.
    """
    for part, wanted in _text_encoder_types(type(pipeline)).items():
        encoder = getattr(pipeline, part, None)
        if encoder is not None and not isinstance(encoder, wanted):
            raise UserError(
                f"model {name!r}: its {part!r} is a {type(encoder).__name__}{_what_projection_does(encoder)}; "
                f"wanted a {' or '.join(cls.__name__ for cls in wanted)}"
            )
    for part, tokenizer in pipeline.components.items():
        encoder = getattr(pipeline, part.replace("tokenizer", "text_encoder"), None)
        if part.startswith("tokenizer") and tokenizer is not None and encoder is not None:
            _require_length(tokenizer, part, encoder, name)


def _what_projection_does(encoder: Any) -> str:
    if not type(encoder).__name__.endswith("WithProjection"):
        return ""
    return ", which projects the text to one vector and gives no rows"


def _text_encoder_types(pipeline_class: type) -> dict[str, tuple[type, ...]]:
    """Text encoder → the classes in the annotations of the pipeline's constructor."""
    hints = typing.get_type_hints(pipeline_class.__init__)  # type: ignore[misc]
    return {
        part: tuple(cls for cls in (typing.get_args(hints[part]) or (hints[part],)) if isinstance(cls, type))
        for part in inspect.signature(pipeline_class.__init__).parameters  # type: ignore[misc]
        if part.startswith("text_encoder") and part in hints
    }


def _require_length(tokenizer: Any, part: str, encoder: Any, name: str) -> None:
    """CLIP's texts are padded to the tokenizer's length; the other encoders' pipelines say the length themselves."""
    if not type(encoder).__name__.startswith("CLIPText"):
        return
    positions = encoder.config.max_position_embeddings
    length = tokenizer.model_max_length
    if length > positions:
        says = "no model_max_length" if length > 10**6 else f"a model_max_length of {length}"
        raise UserError(
            f"model {name!r}: its {part!r} has {says}, its text encoder {positions} positions; "
            f'wanted "model_max_length": {positions} in tokenizer_config.json'
        )
