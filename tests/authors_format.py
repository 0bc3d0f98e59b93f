"""Weights of diffusers' pipelines under the names of their authors' single files: Stable Diffusion XL and 3, Flux.1.

The inverse of what ``from_single_file`` does, for the tests' tiny pipelines; Stable Diffusion 1.x is in
:mod:`tests.ldm_format`.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from tests.ldm_format import unet_weights, vae_weights

Weights = dict[str, Tensor]


def sdxl_file(pipeline) -> Weights:
    """UNet, autoencoder and both text encoders, the second one in OpenCLIP's layout."""
    return _contiguous(
        prefixed("model.diffusion_model.", unet_weights(pipeline.unet))
        | prefixed("first_stage_model.", vae_weights(pipeline.vae))
        | prefixed("conditioner.embedders.0.transformer.text_model.", pipeline.text_encoder.state_dict())
        | prefixed("conditioner.embedders.1.model.", open_clip_weights(pipeline.text_encoder_2.state_dict()))
    )


def sd3_file(pipeline, *, t5: bool = True) -> Weights:
    """Transformer, autoencoder, both CLIP encoders, and T5 where the file is to have it.

    The file has no projection of the first encoder's pooled text: it is the identity.
    """
    clip_l = pipeline.text_encoder.state_dict()
    assert torch.equal(clip_l.pop("text_projection.weight"), torch.eye(pipeline.text_encoder.config.hidden_size))
    return _contiguous(
        prefixed("model.diffusion_model.", sd3_transformer_weights(pipeline.transformer))
        | prefixed("first_stage_model.", vae_weights(pipeline.vae))
        | prefixed("text_encoders.clip_l.transformer.", clip_l)
        | prefixed("text_encoders.clip_g.transformer.", pipeline.text_encoder_2.state_dict())
        | (prefixed("text_encoders.t5xxl.transformer.", pipeline.text_encoder_3.state_dict()) if t5 else {})
    )


def flux_file(pipeline) -> Weights:
    """The transformer alone, as its authors publish it."""
    return _contiguous(flux_transformer_weights(pipeline.transformer))


def prefixed(prefix: str, weights: Mapping[str, Tensor]) -> Weights:
    return {prefix + name: tensor for name, tensor in weights.items()}


def _contiguous(weights: Weights) -> Weights:
    return {name: tensor.clone().contiguous() for name, tensor in weights.items()}


def renamed(weights: Mapping[str, Tensor], names: Mapping[str, str]) -> Weights:
    """Every pattern of ``names`` replaced, in their order, in the name of each tensor."""

    def rename(name: str) -> str:
        for pattern, new in names.items():
            name = re.sub(pattern, new, name)
        return name

    return {rename(name): tensor for name, tensor in weights.items()}


def joined(weights: Weights, parts: tuple[str, ...], whole: str) -> Weights:
    """Tensors whose names end in one of ``parts`` (and .weight or .bias), stacked in that order under ``whole``."""
    joined = dict(weights)
    for name in weights:
        for kind in ("weight", "bias"):
            if name.endswith(f"{parts[0]}.{kind}"):
                stem = name.removesuffix(f"{parts[0]}.{kind}")
                joined[f"{stem}{whole}.{kind}"] = torch.cat([joined.pop(f"{stem}{part}.{kind}") for part in parts])
    return joined


def halves_swapped(weights: Weights, *stems: str) -> Weights:
    """Scale and shift, which diffusers has the other way round."""
    swapped = {
        f"{stem}.{kind}": torch.cat(weights[f"{stem}.{kind}"].chunk(2)[::-1])
        for stem in stems
        for kind in ("weight", "bias")
    }
    return weights | swapped


def open_clip_weights(clip: Mapping[str, Tensor]) -> Weights:
    weights = renamed(
        clip,
        {
            r"^text_model\.": "",
            r"^embeddings\.position_embedding\.weight$": "positional_embedding",
            r"^embeddings\.token_embedding\.": "token_embedding.",
            r"^final_layer_norm\.": "ln_final.",
            r"^text_projection\.weight$": "text_projection",
            r"^encoder\.layers\.": "transformer.resblocks.",
            r"\.layer_norm([12])\.": r".ln_\1.",
            r"\.fc1\.": ".c_fc.",
            r"\.fc2\.": ".c_proj.",
            r"\.self_attn\.": ".attn.",
        },
    )
    weights["text_projection"] = weights["text_projection"].T
    weights = joined(weights, ("q_proj", "k_proj", "v_proj"), "in_proj")
    return renamed(weights, {r"\.in_proj\.(weight|bias)$": r".in_proj_\1"})


EMBEDDERS = {
    r"^time_text_embed\.timestep_embedder\.": "t_embedder.",
    r"^time_text_embed\.text_embedder\.": "y_embedder.",
    r"^time_text_embed\.guidance_embedder\.": "guidance_in.",
}


def sd3_transformer_weights(transformer) -> Weights:
    last = transformer.config.num_layers - 1
    weights = dict(transformer.state_dict())
    weights = halves_swapped(weights, "norm_out.linear", f"transformer_blocks.{last}.norm1_context.linear")
    weights = joined(weights, ("attn.to_q", "attn.to_k", "attn.to_v"), "x_block.attn.qkv")
    weights = joined(weights, ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"), "context_block.attn.qkv")
    return renamed(
        weights,
        {
            r"^pos_embed\.proj\.": "x_embedder.proj.",
            r"^pos_embed\.pos_embed$": "pos_embed",
            **EMBEDDERS,
            r"^([ty]_embedder\.)linear_1\.": r"\1mlp.0.",
            r"^([ty]_embedder\.)linear_2\.": r"\1mlp.2.",
            r"^norm_out\.linear\.": "final_layer.adaLN_modulation.1.",
            r"^proj_out\.": "final_layer.linear.",
            r"^transformer_blocks\.": "joint_blocks.",
            r"\.attn\.norm_([qk])\.": r".x_block.attn.ln_\1.",
            r"\.attn\.norm_added_([qk])\.": r".context_block.attn.ln_\1.",
            r"\.attn\.to_out\.0\.": ".x_block.attn.proj.",
            r"\.attn\.to_add_out\.": ".context_block.attn.proj.",
            r"\.norm1\.linear\.": ".x_block.adaLN_modulation.1.",
            r"\.norm1_context\.linear\.": ".context_block.adaLN_modulation.1.",
            r"\.ff\.net\.0\.proj\.": ".x_block.mlp.fc1.",
            r"\.ff\.net\.2\.": ".x_block.mlp.fc2.",
            r"\.ff_context\.net\.0\.proj\.": ".context_block.mlp.fc1.",
            r"\.ff_context\.net\.2\.": ".context_block.mlp.fc2.",
        },
    )


def flux_transformer_weights(transformer) -> Weights:
    weights = halves_swapped(dict(transformer.state_dict()), "norm_out.linear")
    single = {name: tensor for name, tensor in weights.items() if name.startswith("single_")}
    double = {name: tensor for name, tensor in weights.items() if not name.startswith("single_")}
    single = joined(single, ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"), "linear1")
    double = joined(double, ("attn.to_q", "attn.to_k", "attn.to_v"), "img_attn.qkv")
    double = joined(double, ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"), "txt_attn.qkv")
    single = renamed(
        single,
        {
            r"^single_transformer_blocks\.": "single_blocks.",
            r"\.norm\.linear\.": ".modulation.lin.",
            r"\.attn\.norm_q\.weight": ".norm.query_norm.scale",
            r"\.attn\.norm_k\.weight": ".norm.key_norm.scale",
            r"\.proj_out\.": ".linear2.",
        },
    )
    double = renamed(
        double,
        {
            **EMBEDDERS,
            r"^t_embedder\.": "time_in.",
            r"^y_embedder\.": "vector_in.",
            r"^((?:time|vector|guidance)_in\.)linear_1\.": r"\1in_layer.",
            r"^((?:time|vector|guidance)_in\.)linear_2\.": r"\1out_layer.",
            r"^context_embedder\.": "txt_in.",
            r"^x_embedder\.": "img_in.",
            r"^norm_out\.linear\.": "final_layer.adaLN_modulation.1.",
            r"^proj_out\.": "final_layer.linear.",
            r"^transformer_blocks\.": "double_blocks.",
            r"\.norm1\.linear\.": ".img_mod.lin.",
            r"\.norm1_context\.linear\.": ".txt_mod.lin.",
            r"\.attn\.norm_q\.weight": ".img_attn.norm.query_norm.scale",
            r"\.attn\.norm_k\.weight": ".img_attn.norm.key_norm.scale",
            r"\.attn\.norm_added_q\.weight": ".txt_attn.norm.query_norm.scale",
            r"\.attn\.norm_added_k\.weight": ".txt_attn.norm.key_norm.scale",
            r"\.attn\.to_out\.0\.": ".img_attn.proj.",
            r"\.attn\.to_add_out\.": ".txt_attn.proj.",
            r"\.ff\.net\.0\.proj\.": ".img_mlp.0.",
            r"\.ff\.net\.2\.": ".img_mlp.2.",
            r"\.ff_context\.net\.0\.proj\.": ".txt_mlp.0.",
            r"\.ff_context\.net\.2\.": ".txt_mlp.2.",
        },
    )
    return double | single
