"""What of a photograph the model's autoencoder keeps: no conditioning can do better, but by chance."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from whichway.analysis.errors import UserError
from whichway.analysis.images.latents import encode_mode
from whichway.analysis.models.model import Model
from whichway.analysis.smoothness.feature_space import channels_first


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A photograph encoded and decoded again.

    Attributes:
        latents: (1, c, h, w), as the autoencoder writes them, before the pipeline scales them.
    """

    pixels: UInt8[np.ndarray, "height width 3"]
    latents: Float[Tensor, "1 c h w"]


@torch.inference_mode()
def reconstruct(model: Model, pixels: UInt8[np.ndarray, "height width 3"]) -> Reconstruction:
    """The mode of the photograph's latents, decoded.

    Raises:
        UserError: an autoencoder whose weights are elsewhere (sequential offloading), or that cannot encode.
    """
    autoencoder = model.pipeline.vae
    weights = next(autoencoder.parameters())
    if weights.is_meta or not hasattr(autoencoder, "encode"):
        raise UserError(f"model {model.name!r}: its autoencoder cannot encode a photograph here; wanted no offloading")
    with model.lock:
        x = channels_first(pixels[None]).to(weights.device, weights.dtype) * 2 - 1
        latents = encode_mode(autoencoder, x)
        decoded = autoencoder.decode(latents).sample
    images = ((decoded.float() + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()
    if not np.isfinite(images).all():
        raise UserError(f"model {model.name!r}: its autoencoder gives no finite numbers; wanted --dtype float32")
    return Reconstruction((images[0] * 255).round().astype(np.uint8), latents.clone())


def psnr(a: UInt8[np.ndarray, "h w 3"], b: UInt8[np.ndarray, "h w 3"]) -> float:
    """Peak signal-to-noise ratio, 10·log10(255²/MSE), in dB; of equal pictures 99, which is beyond what 8 bits tell."""
    error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return min(99.0, float(10 * np.log10(255**2 / error))) if error else 99.0
