"""DeepFloyd IF: a UNet that puts the text's keys before the image's own, in one softmax, and pools the text as well."""

import torch

from whichway.analysis.invariance.architectures.architecture import Architecture
from whichway.analysis.invariance.architectures.stable_diffusion import SMALL_UNET, denoise


def text_keys(keys: int, n: int) -> list[slice]:
    """IF's layers put the text's keys before the image's own, whose number differs from level to level."""
    return [slice(0, n)] if keys in {n + side * side for side in (4, 8)} else []


DEEPFLOYD = Architecture(
    name="deepfloyd-if",
    title="DeepFloyd IF",
    class_name="UNet2DConditionModel",
    configuration=SMALL_UNET
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
    width=16,
    call=denoise,
    text_keys=text_keys,
    dtype=torch.float32,  # its pooling of the text computes a softmax in float32 whatever the weights are
)
