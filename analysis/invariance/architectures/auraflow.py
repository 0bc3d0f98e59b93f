"""AuraFlow: one softmax over learned registers, the text, then the image."""

import torch
from torch import Tensor

from whichway.analysis.images.text_keys import text_first
from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.inputs import NOW, TOKENS, fixed

REGISTERS = 8


def denoise(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(fixed(1, 4, 8, 8), text.rows, NOW).sample


AURAFLOW = Architecture(
    name="auraflow",
    title="AuraFlow",
    class_name="AuraFlowTransformer2DModel",
    configuration={
        "sample_size": 8,
        "patch_size": 2,
        "in_channels": 4,
        "out_channels": 4,
        "num_mmdit_layers": 2,
        "num_single_dit_layers": 2,
        "attention_head_dim": 8,
        "num_attention_heads": 2,
        "joint_attention_dim": 24,
        "caption_projection_dim": 16,
        "pos_embed_max_size": 16,
    },
    width=24,
    call=denoise,
    text_keys=text_first(TOKENS, before=REGISTERS),
)
