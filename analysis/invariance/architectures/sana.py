"""Sana (arXiv:2410.10629): linear attention within the image, softmax attention to the text rows alone."""

import torch
from torch import Tensor

from whichway.analysis.images.text_keys import text_alone
from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.inputs import TIME, fixed


def denoise(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(fixed(1, 4, 4, 4), text.rows, TIME).sample


SANA = Architecture(
    name="sana",
    title="Sana",
    class_name="SanaTransformer2DModel",
    configuration={
        "in_channels": 4,
        "out_channels": 4,
        "num_attention_heads": 2,
        "attention_head_dim": 8,
        "num_layers": 2,
        "num_cross_attention_heads": 2,
        "cross_attention_head_dim": 8,
        "cross_attention_dim": 16,
        "caption_channels": 24,
        "sample_size": 4,
    },
    width=24,
    call=denoise,
    text_keys=text_alone,
)
