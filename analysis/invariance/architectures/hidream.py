"""HiDream-I1 (arXiv:2505.22705): one softmax over the image, rows of T5 and two layers of Llama's rows."""

import torch
from torch import Tensor

from whichway.analysis.images.text_keys import Spans
from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.inputs import TIME, TOKENS, fixed


def denoise(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(
        fixed(1, 4, 8, 8),
        timesteps=TIME,
        encoder_hidden_states_t5=fixed(1, 5, 24, seed=2),
        encoder_hidden_states_llama3=torch.stack([text.rows, text.rows.flip(-1)]),  # two layers of the same tokens
        pooled_embeds=fixed(1, 16, seed=3),
    ).sample


def text_keys(keys: int, n: int) -> Spans:
    """Image, five rows of T5, then the Llama rows twice: their last layer, and the layer of this block."""
    if keys != TOKENS + 5 + 2 * n:
        return []
    return [slice(TOKENS + 5, TOKENS + 5 + n), slice(TOKENS + 5 + n, keys)]


HIDREAM = Architecture(
    name="hidream",
    title="HiDream-I1 (Llama rows)",
    class_name="HiDreamImageTransformer2DModel",
    configuration={
        "patch_size": 2,
        "in_channels": 4,
        "out_channels": 4,
        "num_layers": 1,
        "num_single_layers": 1,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "caption_channels": [24, 24],
        "text_emb_dim": 16,
        "num_routed_experts": 2,
        "num_activated_experts": 2,
        "axes_dims_rope": (4, 4, 8),
        "max_resolution": (8, 8),
        "llama_layers": [0, 1],
        "force_inference_output": True,
    },
    width=24,
    call=denoise,
    text_keys=text_keys,
    other_rows=5,
)
