"""Diffusion transformers for images: PixArt to Z-Image. Pooled vectors, where a class wants one, are held fixed."""

import torch
from torch import Tensor

from whichway.analysis.invariance.architectures.architecture import (
    Architecture,
    Spans,
    Text,
    fixed,
    text_alone,
    text_first,
    text_last,
)

TIME = torch.tensor([500])
NOW = torch.tensor([0.5], dtype=torch.float64)  # for classes whose time runs from 0 to 1
TOKENS = 16  # image tokens: a 4×4 grid
GRID = torch.cartesian_prod(torch.arange(4), torch.arange(4))


def _places(*columns: Tensor) -> Tensor:
    return torch.stack(columns, dim=1).double()


def _grid(axes: int) -> Tensor:
    """Position ids of the image tokens, (16, axes): the last two are row and column."""
    return torch.nn.functional.pad(GRID, (axes - 2, 0)).double() if axes == 3 else _four_axes()


def _four_axes() -> Tensor:
    zero = torch.zeros(TOKENS)
    return _places(zero, GRID[:, 0], GRID[:, 1], zero)


# --- cross-attention -------------------------------------------------------------------------------------------------


def _pixart(denoiser: torch.nn.Module, text: Text) -> Tensor:
    sizes = {"resolution": None, "aspect_ratio": None}
    return denoiser(fixed(1, 4, 8, 8), text.rows, TIME, added_cond_kwargs=sizes).sample


PIXART = Architecture(
    "pixart",
    "PixArt-α / Σ",
    "PixArtTransformer2DModel",
    {
        "num_attention_heads": 2,
        "attention_head_dim": 8,
        "in_channels": 4,
        "out_channels": 4,
        "num_layers": 2,
        "cross_attention_dim": 16,
        "sample_size": 8,
        "patch_size": 2,
        "caption_channels": 24,
        "norm_num_groups": 1,
        "use_additional_conditions": False,
    },
    24,
    _pixart,
    text_alone,
)


def _sana(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(fixed(1, 4, 4, 4), text.rows, TIME).sample


SANA = Architecture(
    "sana",
    "Sana",
    "SanaTransformer2DModel",
    {
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
    24,
    _sana,
    text_alone,
)


def _hunyuan_dit(denoiser: torch.nn.Module, text: Text) -> Tensor:
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
    "hunyuan-dit",
    "Hunyuan-DiT (T5 rows)",
    "HunyuanDiT2DModel",
    {
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
    32,
    _hunyuan_dit,
    lambda keys, n: [slice(5, keys)] if keys == 5 + n else [],
    rows=7,
    other_rows=5,
)

# --- one softmax over text and image ---------------------------------------------------------------------------------


def _sd3(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(fixed(1, 4, 8, 8), text.rows, fixed(1, 16, seed=2), TIME).sample


SD3 = Architecture(
    "sd3",
    "Stable Diffusion 3 / 3.5",
    "SD3Transformer2DModel",
    {
        "sample_size": 8,
        "patch_size": 2,
        "in_channels": 4,
        "out_channels": 4,
        "num_layers": 2,
        "attention_head_dim": 8,
        "num_attention_heads": 2,
        "joint_attention_dim": 24,
        "caption_projection_dim": 16,
        "pooled_projection_dim": 16,
        "pos_embed_max_size": 8,
        "qk_norm": "rms_norm",
    },
    24,
    _sd3,
    text_last(TOKENS),
)


def _auraflow(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(fixed(1, 4, 8, 8), text.rows, NOW).sample


REGISTERS = 8  # AuraFlow puts so many learned tokens before the text

AURAFLOW = Architecture(
    "auraflow",
    "AuraFlow",
    "AuraFlowTransformer2DModel",
    {
        "sample_size": 8,
        "patch_size": 2,
        "in_channels": 4,
        "out_channels": 4,
        "num_mmdit_layers": 2,
        "num_single_dit_layers": 2,
        "attention_head_dim": 8,
        "num_attention_heads": 2,
        "joint_attention_dim": 24,
        "caption_projection_dim": 16,
        "pos_embed_max_size": 16,
    },
    24,
    _auraflow,
    text_first(TOKENS, before=REGISTERS),
)

PACKED = {
    "patch_size": 1,
    "in_channels": 8,
    "num_layers": 1,
    "num_single_layers": 1,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": 24,
}


def _flux(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(
        fixed(1, TOKENS, 8),
        text.rows,
        pooled_projections=fixed(1, 16, seed=2),
        timestep=NOW,
        img_ids=_grid(3),
        txt_ids=torch.zeros(text.size, 3, dtype=torch.float64),  # FluxPipeline: every text token at the origin
    ).sample


FLUX = Architecture(
    "flux",
    "Flux.1",
    "FluxTransformer2DModel",
    PACKED | {"pooled_projection_dim": 16, "axes_dims_rope": (4, 4, 8)},
    24,
    _flux,
    text_first(TOKENS),
)


def _chroma(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(
        fixed(1, TOKENS, 8),
        text.rows,
        timestep=NOW,
        img_ids=_grid(3),
        txt_ids=torch.zeros(text.size, 3, dtype=torch.float64),  # ChromaPipeline: every text token at the origin
    ).sample


CHROMA = Architecture(
    "chroma",
    "Chroma",
    "ChromaTransformer2DModel",
    PACKED
    | {
        "axes_dims_rope": (4, 4, 8),
        "approximator_num_channels": 8,
        "approximator_hidden_dim": 32,
        "approximator_layers": 1,
    },
    24,
    _chroma,
    text_first(TOKENS),
)


def _bria(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(
        fixed(1, TOKENS, 8),
        text.rows,
        timestep=torch.tensor([500.0], dtype=torch.float64),
        img_ids=_grid(3),
        txt_ids=torch.zeros(text.size, 3, dtype=torch.float64),  # BriaPipeline: every text token at the origin
    ).sample


BRIA = Architecture(
    "bria",
    "Bria 3.2",
    "BriaTransformer2DModel",
    PACKED | {"axes_dims_rope": [4, 4, 8]},
    24,
    _bria,
    text_first(TOKENS),
)

COGVIEW = {
    "patch_size": 2,
    "in_channels": 4,
    "out_channels": 4,
    "num_layers": 2,
    "attention_head_dim": 8,
    "num_attention_heads": 2,
    "text_embed_dim": 24,
    "time_embed_dim": 16,
    "condition_dim": 4,
    "pos_embed_max_size": 8,
    "sample_size": 8,
}


def _cogview(denoiser: torch.nn.Module, text: Text) -> Tensor:
    size, corner = torch.tensor([[64.0, 64.0]]).double(), torch.tensor([[0.0, 0.0]]).double()
    return denoiser(fixed(1, 4, 8, 8), text.rows, TIME, size, size, corner).sample


COGVIEW3 = Architecture(
    "cogview3-plus", "CogView3-Plus", "CogView3PlusTransformer2DModel", COGVIEW, 24, _cogview, text_first(TOKENS)
)
COGVIEW4 = Architecture(
    "cogview4",
    "CogView4",
    "CogView4Transformer2DModel",
    COGVIEW | {"rope_axes_dim": (8, 8)},
    24,
    _cogview,
    text_first(TOKENS),
)


def _hidream(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(
        fixed(1, 4, 8, 8),
        timesteps=TIME,
        encoder_hidden_states_t5=fixed(1, 5, 24, seed=2),
        encoder_hidden_states_llama3=torch.stack([text.rows, text.rows.flip(-1)]),  # two layers of the same tokens
        pooled_embeds=fixed(1, 16, seed=3),
    ).sample


def _hidream_keys(keys: int, n: int) -> Spans:
    """Image, five rows of T5, then the Llama rows twice: their last layer, and the layer of this block."""
    if keys != TOKENS + 5 + 2 * n:
        return []
    return [slice(TOKENS + 5, TOKENS + 5 + n), slice(TOKENS + 5 + n, keys)]


HIDREAM = Architecture(
    "hidream",
    "HiDream-I1 (Llama rows)",
    "HiDreamImageTransformer2DModel",
    {
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
    24,
    _hidream,
    _hidream_keys,
    other_rows=5,
)


def _prx(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(fixed(1, 4, 8, 8), NOW, text.rows).sample


PRX = Architecture(
    "prx",
    "PRX",
    "PRXTransformer2DModel",
    {
        "in_channels": 4,
        "patch_size": 2,
        "context_in_dim": 24,
        "hidden_size": 16,
        "num_heads": 2,
        "depth": 2,
        "axes_dim": [4, 4],
    },
    24,
    _prx,
    text_first(TOKENS),
)


def _hunyuan_image(denoiser: torch.nn.Module, text: Text) -> Tensor:
    mask = torch.ones(1, text.size)
    return denoiser(fixed(1, 4, 4, 4), TIME.double(), text.rows, mask).sample


HUNYUAN_IMAGE = Architecture(
    "hunyuan-image",
    "HunyuanImage 2.1",
    "HunyuanImageTransformer2DModel",
    {
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
    24,
    _hunyuan_image,
    text_last(TOKENS),
)

# --- the text rows carry their places --------------------------------------------------------------------------------


def _flux2(denoiser: torch.nn.Module, text: Text) -> Tensor:
    zero = torch.zeros(text.size)
    return denoiser(
        fixed(1, TOKENS, 8),
        text.rows,
        NOW,
        img_ids=_grid(4),
        txt_ids=_places(zero, zero, zero, text.places),  # Flux2Pipeline._prepare_text_ids
    ).sample


FLUX2 = Architecture(
    "flux2",
    "Flux.2",
    "Flux2Transformer2DModel",
    PACKED | {"timestep_guidance_channels": 16, "axes_dims_rope": (4, 4, 4, 4), "guidance_embeds": False},
    24,
    _flux2,
    text_first(TOKENS),
    places=True,
)


def _longcat(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(
        fixed(1, TOKENS, 8),
        text.rows,
        NOW,
        img_ids=_grid(3) + torch.tensor([1.0, 512.0, 512.0]).double(),
        txt_ids=_places(torch.zeros(text.size), text.places, text.places),  # prepare_pos_ids(type="text")
    ).sample


LONGCAT = Architecture(
    "longcat-image",
    "LongCat-Image",
    "LongCatImageTransformer2DModel",
    PACKED | {"axes_dims_rope": [4, 4, 8]},
    24,
    _longcat,
    text_first(TOKENS),
    places=True,
)


def _ovis(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(
        fixed(1, TOKENS, 8),
        text.rows,
        NOW,
        img_ids=_grid(3),
        txt_ids=_places(torch.zeros(text.size), text.places, text.places),  # OvisImagePipeline
    ).sample


OVIS = Architecture(
    "ovis-image",
    "Ovis-Image",
    "OvisImageTransformer2DModel",
    PACKED | {"out_channels": 8, "axes_dims_rope": (4, 4, 8)},
    24,
    _ovis,
    text_first(TOKENS),
    places=True,
)


def _qwen(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(
        fixed(1, TOKENS, 8),
        text.rows,
        torch.ones(1, text.size, dtype=torch.bool),
        NOW,
        img_shapes=[[(1, 4, 4)]],
    ).sample


QWEN_IMAGE = Architecture(
    "qwen-image",
    "Qwen-Image",
    "QwenImageTransformer2DModel",
    {
        "patch_size": 2,
        "in_channels": 8,
        "out_channels": 2,
        "num_layers": 2,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 24,
        "axes_dims_rope": (4, 4, 8),
    },
    24,
    _qwen,
    text_first(TOKENS),
)


def _lumina2(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(fixed(1, 4, 8, 8), NOW, text.rows, torch.ones(1, text.size, dtype=torch.bool)).sample


LUMINA2 = Architecture(
    "lumina2",
    "Lumina-Image 2",
    "Lumina2Transformer2DModel",
    {
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
    24,
    _lumina2,
    text_first(TOKENS),
)


def _z_image(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser([fixed(4, 1, 16, 16)], NOW, [text.rows[0]]).sample[0]


def _z_image_keys(keys: int, n: int) -> Spans:
    """64 image tokens come first; the text is padded to a multiple of 32."""
    padded = -(-n // 32) * 32
    first = {padded: 0, 64 + padded: 64}.get(keys)
    return [] if first is None else [slice(first, first + n)]


Z_IMAGE = Architecture(
    "z-image",
    "Z-Image",
    "ZImageTransformer2DModel",
    {
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
    24,
    _z_image,
    _z_image_keys,
)


def _kandinsky5(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(
        fixed(1, 1, 8, 8, 4, dtype=torch.float32),
        text.rows,
        torch.tensor([500.0]),
        fixed(1, 16, seed=2, dtype=torch.float32),
        [torch.arange(1), torch.arange(4), torch.arange(4)],
        text.places,
    ).sample


KANDINSKY5 = Architecture(
    "kandinsky5",
    "Kandinsky 5",
    "Kandinsky5Transformer3DModel",
    {
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
    24,
    _kandinsky5,
    text_alone,
    places=True,
    precision=torch.float32,  # parts of it compute in float32 whatever the weights are
)

TRANSFORMERS = (
    PIXART,
    SANA,
    HUNYUAN_DIT,
    SD3,
    AURAFLOW,
    FLUX,
    CHROMA,
    BRIA,
    COGVIEW3,
    COGVIEW4,
    HIDREAM,
    PRX,
    HUNYUAN_IMAGE,
    FLUX2,
    LONGCAT,
    OVIS,
    QWEN_IMAGE,
    LUMINA2,
    Z_IMAGE,
    KANDINSKY5,
)
