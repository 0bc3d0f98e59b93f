"""Stable Diffusion 1.x, 2.x and XL (arXiv:2112.10752, 2307.01952): UNets that attend to the text rows alone."""

from typing import Any

import torch
from torch import Tensor

from whichway.analysis.images.text_keys import text_alone
from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.inputs import TIME, fixed

SMALL_UNET = {
    "sample_size": 8,
    "block_out_channels": (32, 64),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "norm_num_groups": 8,
}


def noise_for(unet: Any) -> Tensor:
    config = unet.config
    return fixed(1, config.in_channels, config.sample_size, config.sample_size, dtype=unet.dtype)


def denoise(unet: torch.nn.Module, text: Text) -> Tensor:
    return unet(noise_for(unet), TIME, text.rows).sample


def denoise_xl(unet: torch.nn.Module, text: Text) -> Tensor:
    pooled = {"text_embeds": fixed(1, 16, seed=2), "time_ids": fixed(1, 6, seed=3)}
    return unet(noise_for(unet), TIME, text.rows, added_cond_kwargs=pooled).sample


SD1 = Architecture(
    name="sd1",
    title="Stable Diffusion 1.x",
    class_name="UNet2DConditionModel",
    configuration=SMALL_UNET | {"cross_attention_dim": 24, "attention_head_dim": 4},
    width=24,
    call=denoise,
    text_keys=text_alone,
)

SD2 = Architecture(
    name="sd2",
    title="Stable Diffusion 2.x",
    class_name="UNet2DConditionModel",
    configuration=SMALL_UNET | {"cross_attention_dim": 24, "attention_head_dim": (2, 4), "use_linear_projection": True},
    width=24,
    call=denoise,
    text_keys=text_alone,
)

SDXL = Architecture(
    name="sdxl",
    title="Stable Diffusion XL",
    class_name="UNet2DConditionModel",
    configuration=SMALL_UNET
    | {
        "cross_attention_dim": 24,
        "attention_head_dim": (2, 4),
        "use_linear_projection": True,
        "transformer_layers_per_block": (1, 2),
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 64,  # 6 time ids of 8, and 16 pooled
    },
    width=24,
    call=denoise_xl,
    text_keys=text_alone,
)

#: The UNet of Stable Diffusion 1.5 exactly: 860 M parameters. In float32, which is what 8 GB hold.
SD15 = Architecture(
    name="sd15",
    title="Stable Diffusion 1.5, full size",
    class_name="UNet2DConditionModel",
    configuration={
        "sample_size": 64,
        "cross_attention_dim": 768,
        "attention_head_dim": 8,
    },  # all else is the class's default
    width=768,
    call=denoise,
    text_keys=text_alone,
    dtype=torch.float32,
    census=False,
)
