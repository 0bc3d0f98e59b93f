"""LongCat-Image: Flux.1 whose text tokens are numbered along a diagonal, so that their order is visible."""

import torch
from torch import Tensor

from whichway.analysis.images.text_keys import text_first
from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.flux import SMALL_FLUX
from whichway.analysis.invariance.architectures.inputs import NOW, TOKENS, fixed, image_places, place_ids


def denoise(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(
        fixed(1, TOKENS, 8),
        text.rows,
        NOW,
        img_ids=image_places(3) + torch.tensor([1.0, 512.0, 512.0]).double(),
        txt_ids=place_ids(torch.zeros(text.size), text.places, text.places),  # prepare_pos_ids(type="text")
    ).sample


LONGCAT = Architecture(
    name="longcat-image",
    title="LongCat-Image",
    class_name="LongCatImageTransformer2DModel",
    configuration=SMALL_FLUX | {"axes_dims_rope": [4, 4, 8]},
    width=24,
    call=denoise,
    text_keys=text_first(TOKENS),
    places=True,
)
