"""PRX: one softmax over text and image; only the image's queries and keys are turned by their places."""

import torch
from torch import Tensor

from whichway.analysis.images.text_keys import text_first
from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.inputs import NOW, TOKENS, fixed


def denoise(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(fixed(1, 4, 8, 8), NOW, text.rows).sample


PRX = Architecture(
    name="prx",
    title="PRX",
    class_name="PRXTransformer2DModel",
    configuration={
        "in_channels": 4,
        "patch_size": 2,
        "context_in_dim": 24,
        "hidden_size": 16,
        "num_heads": 2,
        "depth": 2,
        "axes_dim": [4, 4],
    },
    width=24,
    call=denoise,
    text_keys=text_first(TOKENS),
)
