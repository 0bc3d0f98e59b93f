"""PixArt-α and Σ (arXiv:2310.00426, 2403.04692): every block attends to the text rows alone."""

import torch
from torch import Tensor

from whichway.analysis.images.text_keys import text_alone
from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.inputs import TIME, fixed


def denoise(denoiser: torch.nn.Module, text: Text) -> Tensor:
    sizes = {"resolution": None, "aspect_ratio": None}
    return denoiser(fixed(1, 4, 8, 8), text.rows, TIME, added_cond_kwargs=sizes).sample


PIXART = Architecture(
    name="pixart",
    title="PixArt-α / Σ",
    class_name="PixArtTransformer2DModel",
    configuration={
        "num_attention_heads": 2,
        "attention_head_dim": 8,
        "in_channels": 4,
        "out_channels": 4,
        "num_layers": 2,
        "cross_attention_dim": 16,
        "sample_size": 8,
        "patch_size": 2,
        "caption_channels": 24,
        "norm_num_groups": 1,
        "use_additional_conditions": False,
    },
    width=24,
    call=denoise,
    text_keys=text_alone,
)
