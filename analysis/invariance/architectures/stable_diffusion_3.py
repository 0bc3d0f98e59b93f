"""Stable Diffusion 3 and 3.5 (arXiv:2403.03206): one softmax over the image, then the text."""

import torch
from torch import Tensor

from whichway.analysis.images.text_keys import text_last
from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.inputs import TIME, TOKENS, fixed


def denoise(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(fixed(1, 4, 8, 8), text.rows, fixed(1, 16, seed=2), TIME).sample


SD3 = Architecture(
    name="sd3",
    title="Stable Diffusion 3 / 3.5",
    class_name="SD3Transformer2DModel",
    configuration={
        "sample_size": 8,
        "patch_size": 2,
        "in_channels": 4,
        "out_channels": 4,
        "num_layers": 2,
        "attention_head_dim": 8,
        "num_attention_heads": 2,
        "joint_attention_dim": 24,
        "caption_projection_dim": 16,
        "pooled_projection_dim": 16,
        "pos_embed_max_size": 8,
        "qk_norm": "rms_norm",
    },
    width=24,
    call=denoise,
    text_keys=text_last(TOKENS),
)
