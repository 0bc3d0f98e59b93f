"""What an image is going to be, long before it is decoded: a small decoder that makes one colour of each latent pixel.

A latent pixel of an autoencoder for diffusion models is nearly a linear function of the mean colour of what it stands
for. The inverse, colours as a linear function of latents, is fitted by least squares to pictures that the model's own
autoencoder has encoded: no further weights are needed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from whichway.analysis.images.latents import encode_mode, scale_latents
from whichway.miniature.painter import paint
from whichway.miniature.world import sample_scene

PICTURES, SIDE = 8, 16  # that it is fitted to, of so many latent pixels each way


@dataclass(frozen=True, eq=False)
class SmallDecoder:
    """Colour = (latent pixel, 1) · weights, from 0 to 1."""

    weights: Float[Tensor, "channels_and_one 3"]

    @classmethod
    @torch.inference_mode()
    def fitted(cls, pipeline: Any, *, seed: int = 0) -> "SmallDecoder | None":
        """To painted scenes.

        None where the autoencoder cannot encode: its weights are elsewhere, it only decodes, or its dtype overflows
        (SDXL's in float16).
        """
        autoencoder = pipeline.vae
        weights = next(autoencoder.parameters())
        if weights.is_meta or not hasattr(autoencoder, "encode"):
            return None
        pictures = _pictures(SIDE * pipeline.vae_scale_factor, seed)
        latents = encode_mode(autoencoder, pictures.to(weights.device, weights.dtype) * 2 - 1)
        latents = scale_latents(autoencoder, latents.float())
        if not latents.isfinite().all():
            return None
        colours = F.interpolate(pictures.to(latents), latents.shape[2:], mode="area")
        latent_rows, colour_rows = _with_one(latents).double().cpu(), _rows(colours).double().cpu()
        return cls(torch.linalg.lstsq(latent_rows, colour_rows).solution.float())

    @torch.inference_mode()
    def decode(
        self, latents: Float[Tensor, "frames channels h w"], height: int, width: int
    ) -> UInt8[np.ndarray, "frames {height} {width} 3"]:
        """Pictures of this size, smooth."""
        frames, _, h, w = latents.shape
        colours = (_with_one(latents.float()).cpu() @ self.weights).clamp(0, 1).reshape(frames, h, w, 3)
        large = F.interpolate(colours.permute(0, 3, 1, 2), (height, width), mode="bilinear", antialias=True)
        return (large.permute(0, 2, 3, 1) * 255).round().numpy().astype(np.uint8)


def _pictures(side: int, seed: int) -> Float[Tensor, "pictures 3 side side"]:
    rng = np.random.default_rng(seed)
    painted = torch.from_numpy(np.stack([paint(sample_scene(rng), rng) for _ in range(PICTURES)]))
    return F.interpolate(painted.permute(0, 3, 1, 2) / 255, (side, side), mode="bilinear", antialias=True)


def _rows(maps: Tensor) -> Tensor:
    return maps.permute(0, 2, 3, 1).flatten(0, 2)


def _with_one(latents: Tensor) -> Tensor:
    rows = _rows(latents)
    return torch.cat([rows, rows.new_ones(len(rows), 1)], dim=1)
