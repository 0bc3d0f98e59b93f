"""Kandinsky 3 (arXiv:2312.03511), a UNet, and Kandinsky 5, a transformer; both attend to the text rows alone."""

import torch
from torch import Tensor

from whichway.analysis.images.text_keys import text_alone
from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.inputs import TIME, fixed


def denoise_unet(unet: torch.nn.Module, text: Text) -> Tensor:
    return unet(fixed(1, 4, 16, 16), TIME, text.rows, encoder_attention_mask=torch.ones(1, text.size)).sample


KANDINSKY3 = Architecture(
    name="kandinsky3",
    title="Kandinsky 3",
    class_name="Kandinsky3UNet",
    configuration={
        "time_embedding_dim": 32,
        "groups": 8,
        "attention_head_dim": 8,
        "layers_per_block": 2,
        "block_out_channels": (16, 32, 32, 32),  # the class is made for four levels
        "cross_attention_dim": 24,
        "encoder_hid_dim": 16,
    },
    width=16,
    call=denoise_unet,
    text_keys=text_alone,
)


def denoise_transformer(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(
        fixed(1, 1, 8, 8, 4, dtype=torch.float32),
        text.rows,
        torch.tensor([500.0]),
        fixed(1, 16, seed=2, dtype=torch.float32),
        [torch.arange(1), torch.arange(4), torch.arange(4)],
        text.places,
    ).sample


KANDINSKY5 = Architecture(
    name="kandinsky5",
    title="Kandinsky 5",
    class_name="Kandinsky5Transformer3DModel",
    configuration={
        "in_visual_dim": 4,
        "out_visual_dim": 4,
        "in_text_dim": 24,
        "in_text_dim2": 16,
        "time_dim": 16,
        "model_dim": 32,
        "ff_dim": 32,
        "num_text_blocks": 1,
        "num_visual_blocks": 1,
        "axes_dims": (4, 6, 6),
    },
    width=24,
    call=denoise_transformer,
    text_keys=text_alone,
    places=True,
    dtype=torch.float32,  # parts of it compute in float32 whatever the weights are
)
