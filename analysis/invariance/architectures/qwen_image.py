"""Qwen-Image (arXiv:2508.02324): one softmax over text and image; the class itself counts the places of the text."""

import torch
from torch import Tensor

from whichway.analysis.images.text_keys import text_first
from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.inputs import NOW, TOKENS, fixed


def denoise(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(
        fixed(1, TOKENS, 8),
        text.rows,
        torch.ones(1, text.size, dtype=torch.bool),
        NOW,
        img_shapes=[[(1, 4, 4)]],
    ).sample


QWEN_IMAGE = Architecture(
    name="qwen-image",
    title="Qwen-Image",
    class_name="QwenImageTransformer2DModel",
    configuration={
        "patch_size": 2,
        "in_channels": 8,
        "out_channels": 2,
        "num_layers": 2,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 24,
        "axes_dims_rope": (4, 4, 8),
    },
    width=24,
    call=denoise,
    text_keys=text_first(TOKENS),
)
