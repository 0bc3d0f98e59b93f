"""Pictures as latents: those that the autoencoder writes, and those that the denoiser sees."""

from typing import Any

from jaxtyping import Float
from torch import Tensor


def encode_mode(autoencoder: Any, pictures: Float[Tensor, "b 3 height width"]) -> Float[Tensor, "b c h w"]:
    """The likeliest latents of pictures from −1 to 1, in the autoencoder's dtype, where its weights are."""
    encoded = autoencoder.encode(pictures)
    latents: Tensor = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latent
    return latents


def scale_latents(autoencoder: Any, latents: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """What the denoiser sees of latents: shifted and scaled as the pipeline does."""
    config = autoencoder.config
    scaled: Tensor = (latents - (config.get("shift_factor") or 0.0)) * config.scaling_factor
    return scaled
