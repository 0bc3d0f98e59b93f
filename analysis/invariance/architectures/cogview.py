"""CogView3-Plus (arXiv:2403.05121) and CogView4: one softmax over the text, then the image."""

import torch
from torch import Tensor

from whichway.analysis.images.text_keys import text_first
from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.inputs import TIME, TOKENS, fixed

SMALL_COGVIEW = {
    "patch_size": 2,
    "in_channels": 4,
    "out_channels": 4,
    "num_layers": 2,
    "attention_head_dim": 8,
    "num_attention_heads": 2,
    "text_embed_dim": 24,
    "time_embed_dim": 16,
    "condition_dim": 4,
    "pos_embed_max_size": 8,
    "sample_size": 8,
}


def denoise(denoiser: torch.nn.Module, text: Text) -> Tensor:
    size, corner = torch.tensor([[64.0, 64.0]]).double(), torch.tensor([[0.0, 0.0]]).double()
    return denoiser(fixed(1, 4, 8, 8), text.rows, TIME, size, size, corner).sample


COGVIEW3 = Architecture(
    name="cogview3-plus",
    title="CogView3-Plus",
    class_name="CogView3PlusTransformer2DModel",
    configuration=SMALL_COGVIEW,
    width=24,
    call=denoise,
    text_keys=text_first(TOKENS),
)

COGVIEW4 = Architecture(
    name="cogview4",
    title="CogView4",
    class_name="CogView4Transformer2DModel",
    configuration=SMALL_COGVIEW | {"rope_axes_dim": (8, 8)},
    width=24,
    call=denoise,
    text_keys=text_first(TOKENS),
)
