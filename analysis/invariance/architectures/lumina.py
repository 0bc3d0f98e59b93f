"""Lumina-Image 2 (arXiv:2503.21758): one sequence of text and image; the class itself counts the places of the text."""

import torch
from torch import Tensor

from whichway.analysis.images.text_keys import text_first
from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.inputs import NOW, TOKENS, fixed


def denoise(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(fixed(1, 4, 8, 8), NOW, text.rows, torch.ones(1, text.size, dtype=torch.bool)).sample


LUMINA2 = Architecture(
    name="lumina2",
    title="Lumina-Image 2",
    class_name="Lumina2Transformer2DModel",
    configuration={
        "sample_size": 8,
        "patch_size": 2,
        "in_channels": 4,
        "hidden_size": 24,
        "num_layers": 2,
        "num_refiner_layers": 1,
        "num_attention_heads": 2,
        "num_kv_heads": 1,
        "multiple_of": 2,
        "axes_dim_rope": (4, 4, 4),
        "axes_lens": (64, 16, 16),
        "cap_feat_dim": 24,
    },
    width=24,
    call=denoise,
    text_keys=text_first(TOKENS),
)
