"""How a pipeline samples where nobody says otherwise: what a :class:`Sampling` leaves to the model."""

from pathlib import Path
from typing import Any

from whichway.analysis.families.encoder import called_with
from whichway.analysis.images.sampling import SamplingDefaults
from whichway.miniature import MODEL, SAMPLING


def pipeline_defaults(pipeline: Any) -> SamplingDefaults:
    """Steps, guidance and size with which the pipeline's own call samples where none are given.

    The embedded model says its own: diffusers' 50 steps and guidance 7.5 are those of Stable Diffusion 1.x.
    """
    height, width = _own_size(pipeline)
    call = {name: called_with(pipeline, name) for name in ("num_inference_steps", "guidance_scale")}
    return SamplingDefaults(
        **call | _of_the_miniature(pipeline),
        height=height,
        width=width,
    )


def _own_size(pipeline: Any) -> tuple[int, int]:
    """The size in the call's signature (Sana), else the one that the denoiser was trained at."""
    height, width = called_with(pipeline, "height"), called_with(pipeline, "width")
    if isinstance(height, int) and isinstance(width, int):
        return height, width
    denoiser = getattr(pipeline, "unet", None) or pipeline.transformer
    latents = getattr(pipeline, "default_sample_size", None) or denoiser.config.sample_size
    height, width = (latents, latents) if isinstance(latents, int) else latents
    return height * pipeline.vae_scale_factor, width * pipeline.vae_scale_factor


def _of_the_miniature(pipeline: Any) -> dict[str, Any]:
    return SAMPLING if Path(pipeline.config.get("_name_or_path") or "") == MODEL else {}
