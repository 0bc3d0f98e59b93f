"""UNets: Stable Diffusion 1.x, 2.x and XL, DeepFloyd IF, Kandinsky 3."""

from typing import Any

import torch
from torch import Tensor

from whichway.analysis.invariance.architectures.architecture import Architecture, Text, fixed, text_alone

TIME = torch.tensor([500])
SMALL = {
    "sample_size": 8,
    "block_out_channels": (32, 64),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "norm_num_groups": 8,
}


def _noise(unet: Any) -> Tensor:
    config = unet.config
    return fixed(1, config.in_channels, config.sample_size, config.sample_size, dtype=unet.dtype)


def _unet(unet: torch.nn.Module, text: Text) -> Tensor:
    return unet(_noise(unet), TIME, text.rows).sample


def _unet_xl(unet: torch.nn.Module, text: Text) -> Tensor:
    pooled = {"text_embeds": fixed(1, 16, seed=2), "time_ids": fixed(1, 6, seed=3)}
    return unet(_noise(unet), TIME, text.rows, added_cond_kwargs=pooled).sample


SD1 = Architecture(
    "sd1",
    "Stable Diffusion 1.x",
    "UNet2DConditionModel",
    SMALL | {"cross_attention_dim": 24, "attention_head_dim": 4},
    24,
    _unet,
    text_alone,
)
SD2 = Architecture(
    "sd2",
    "Stable Diffusion 2.x",
    "UNet2DConditionModel",
    SMALL | {"cross_attention_dim": 24, "attention_head_dim": (2, 4), "use_linear_projection": True},
    24,
    _unet,
    text_alone,
)
SDXL = Architecture(
    "sdxl",
    "Stable Diffusion XL",
    "UNet2DConditionModel",
    SMALL
    | {
        "cross_attention_dim": 24,
        "attention_head_dim": (2, 4),
        "use_linear_projection": True,
        "transformer_layers_per_block": (1, 2),
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 64,  # 6 time ids of 8, and 16 pooled
    },
    24,
    _unet_xl,
    text_alone,
)


def _added_keys(keys: int, n: int) -> list[slice]:
    """IF's layers put the text's keys before the image's own, whose number differs from level to level."""
    return [slice(0, n)] if keys in {n + side * side for side in (4, 8)} else []


DEEPFLOYD = Architecture(
    "deepfloyd-if",
    "DeepFloyd IF",
    "UNet2DConditionModel",
    SMALL
    | {
        "in_channels": 3,
        "out_channels": 3,
        "down_block_types": ("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
        "up_block_types": ("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        "cross_attention_dim": 24,
        "attention_head_dim": 8,
        "encoder_hid_dim": 16,
        "addition_embed_type": "text",
        "addition_embed_type_num_heads": 4,
        "only_cross_attention": False,
        "resnet_time_scale_shift": "scale_shift",
        "act_fn": "gelu",
    },
    16,
    _unet,
    _added_keys,
    precision=torch.float32,  # its pooling of the text computes a softmax in float32 whatever the weights are
)


def _kandinsky3(unet: torch.nn.Module, text: Text) -> Tensor:
    return unet(fixed(1, 4, 16, 16), TIME, text.rows, encoder_attention_mask=torch.ones(1, text.size)).sample


KANDINSKY3 = Architecture(
    "kandinsky3",
    "Kandinsky 3",
    "Kandinsky3UNet",
    {
        "time_embedding_dim": 32,
        "groups": 8,
        "attention_head_dim": 8,
        "layers_per_block": 2,
        "block_out_channels": (16, 32, 32, 32),  # the class is made for four levels
        "cross_attention_dim": 24,
        "encoder_hid_dim": 16,
    },
    16,
    _kandinsky3,
    text_alone,
)

#: The UNet of Stable Diffusion 1.5 exactly: 860 M parameters. In float32, which is what 8 GB hold.
SD15 = Architecture(
    "sd15",
    "Stable Diffusion 1.5, full size",
    "UNet2DConditionModel",
    {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8},  # all else is the class's default
    768,
    _unet,
    text_alone,
    precision=torch.float32,
    census=False,
)

UNETS = (SD1, SD2, SDXL, DEEPFLOYD, KANDINSKY3, SD15)
