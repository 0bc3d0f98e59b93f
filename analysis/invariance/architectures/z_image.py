"""Z-Image: one sequence of image and padded text; the class itself counts the places of the text."""

import torch
from torch import Tensor

from whichway.analysis.images.text_keys import Spans
from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.inputs import NOW, fixed


def denoise(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser([fixed(4, 1, 16, 16)], NOW, [text.rows[0]]).sample[0]


def text_keys(keys: int, n: int) -> Spans:
    """64 image tokens come first; the text is padded to a multiple of 32."""
    padded = -(-n // 32) * 32
    first = {padded: 0, 64 + padded: 64}.get(keys)
    return [] if first is None else [slice(first, first + n)]


Z_IMAGE = Architecture(
    name="z-image",
    title="Z-Image",
    class_name="ZImageTransformer2DModel",
    configuration={
        "in_channels": 4,
        "dim": 32,
        "n_layers": 2,
        "n_refiner_layers": 1,
        "n_heads": 2,
        "n_kv_heads": 2,
        "cap_feat_dim": 24,
        "axes_dims": [4, 4, 8],
        "axes_lens": [128, 16, 16],
    },
    width=24,
    call=denoise,
    text_keys=text_keys,
)
