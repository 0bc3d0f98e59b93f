"""Chroma: Flux.1 without the pooled text, its modulation distilled; every text token at the origin."""

import torch
from torch import Tensor

from whichway.analysis.images.text_keys import text_first
from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.flux import SMALL_FLUX
from whichway.analysis.invariance.architectures.inputs import NOW, TOKENS, fixed, image_places


def denoise(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(
        fixed(1, TOKENS, 8),
        text.rows,
        timestep=NOW,
        img_ids=image_places(3),
        txt_ids=torch.zeros(text.size, 3, dtype=torch.float64),  # ChromaPipeline: every text token at the origin
    ).sample


CHROMA = Architecture(
    name="chroma",
    title="Chroma",
    class_name="ChromaTransformer2DModel",
    configuration=SMALL_FLUX
    | {
        "axes_dims_rope": (4, 4, 8),
        "approximator_num_channels": 8,
        "approximator_hidden_dim": 32,
        "approximator_layers": 1,
    },
    width=24,
    call=denoise,
    text_keys=text_first(TOKENS),
)
