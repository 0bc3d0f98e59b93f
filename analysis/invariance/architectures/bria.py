"""Bria 3.2: Flux.1 without the pooled text; every text token at the origin."""

import torch
from torch import Tensor

from whichway.analysis.images.text_keys import text_first
from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.flux import SMALL_FLUX
from whichway.analysis.invariance.architectures.inputs import TOKENS, fixed, image_places


def denoise(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(
        fixed(1, TOKENS, 8),
        text.rows,
        timestep=torch.tensor([500.0], dtype=torch.float64),
        img_ids=image_places(3),
        txt_ids=torch.zeros(text.size, 3, dtype=torch.float64),  # BriaPipeline: every text token at the origin
    ).sample


BRIA = Architecture(
    name="bria",
    title="Bria 3.2",
    class_name="BriaTransformer2DModel",
    configuration=SMALL_FLUX | {"axes_dims_rope": [4, 4, 8]},
    width=24,
    call=denoise,
    text_keys=text_first(TOKENS),
)
