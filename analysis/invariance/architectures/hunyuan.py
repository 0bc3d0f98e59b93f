"""Hunyuan-DiT (arXiv:2405.08748) attends to two texts at once; HunyuanImage 2.1 to image and text in one softmax."""

import torch
from torch import Tensor

from whichway.analysis.images.text_keys import text_last
from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.inputs import TIME, TOKENS, fixed


def denoise_dit(denoiser: torch.nn.Module, text: Text) -> Tensor:
    angles = fixed(TOKENS, 8, seed=4)
    return denoiser(
        fixed(1, 4, 8, 8),
        torch.tensor([500.0], dtype=torch.float64),
        encoder_hidden_states=fixed(1, 5, 24, seed=2),
        text_embedding_mask=torch.ones(1, 5),
        encoder_hidden_states_t5=text.rows,
        text_embedding_mask_t5=torch.ones(1, text.size),
        image_meta_size=torch.tensor([[8.0, 8, 8, 8, 0, 0]]).double(),
        style=torch.tensor([0]),
        image_rotary_emb=(angles.cos(), angles.sin()),
    ).sample


HUNYUAN_DIT = Architecture(
    name="hunyuan-dit",
    title="Hunyuan-DiT (T5 rows)",
    class_name="HunyuanDiT2DModel",
    configuration={
        "num_attention_heads": 2,
        "attention_head_dim": 8,
        "in_channels": 4,
        "patch_size": 2,
        "sample_size": 8,
        "hidden_size": 16,
        "num_layers": 2,
        "cross_attention_dim": 24,
        "cross_attention_dim_t5": 32,
        "pooled_projection_dim": 8,
        "text_len": 5,
        "text_len_t5": 7,
    },
    width=32,
    call=denoise_dit,
    text_keys=lambda keys, n: [slice(5, keys)] if keys == 5 + n else [],
    rows=7,
    other_rows=5,
)


def denoise_image(denoiser: torch.nn.Module, text: Text) -> Tensor:
    mask = torch.ones(1, text.size)
    return denoiser(fixed(1, 4, 4, 4), TIME.double(), text.rows, mask).sample


HUNYUAN_IMAGE = Architecture(
    name="hunyuan-image",
    title="HunyuanImage 2.1",
    class_name="HunyuanImageTransformer2DModel",
    configuration={
        "in_channels": 4,
        "out_channels": 4,
        "num_attention_heads": 2,
        "attention_head_dim": 8,
        "num_layers": 1,
        "num_single_layers": 1,
        "num_refiner_layers": 1,
        "text_embed_dim": 24,
        "rope_axes_dim": (4, 4),
    },
    width=24,
    call=denoise_image,
    text_keys=text_last(TOKENS),
)
