"""A diffusers pipeline's weights under the names of a single-file Stable Diffusion checkpoint (CompVis' "LDM" layout).

The inverse of what ``from_single_file`` does, for the tests' tiny pipelines.
"""

import re

from torch import Tensor

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def unet_weights(unet) -> dict[str, Tensor]:
    return {_unet_name(name, unet): tensor for name, tensor in unet.state_dict().items()}


def vae_weights(vae) -> dict[str, Tensor]:
    return dict(_vae_entry(name, tensor, vae) for name, tensor in vae.state_dict().items())


def single_file_weights(pipeline) -> dict[str, Tensor]:
    unet, vae = unet_weights(pipeline.unet), vae_weights(pipeline.vae)
    text = {f"text_model.{name}": tensor for name, tensor in pipeline.text_encoder.state_dict().items()}
    prefixes = {"model.diffusion_model.": unet, "first_stage_model.": vae, "cond_stage_model.transformer.": text}
    return {prefix + name: tensor.contiguous() for prefix, part in prefixes.items() for name, tensor in part.items()}


def _unet_name(name: str, unet) -> str:
    layers = unet.config.layers_per_block
    for ours, theirs in UNET_ENDS.items():
        name = re.sub(rf"^{re.escape(ours)}\.", f"{theirs}.", name)
    if match := re.match(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.*)", name):
        side, block, kind, index, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
        stem = "input_blocks" if side == "down" else "output_blocks"
        first = (layers + 1) * block + (1 if side == "down" else 0)
        if kind == "downsamplers":
            name = f"{stem}.{first + layers}.0.op.{rest.removeprefix('conv.')}"
        elif kind == "upsamplers":
            has_attention = "CrossAttn" in unet.config.up_block_types[block]
            name = f"{stem}.{first + layers}.{2 if has_attention else 1}.{rest}"
        else:
            name = f"{stem}.{first + index}.{0 if kind == 'resnets' else 1}.{rest}"
    if ".attn" not in name and ".transformer_blocks." not in name:
        for ours, theirs in RESNET.items():
            name = re.sub(rf"\.{ours}\.", f".{theirs}.", name)
    return name


def _vae_entry(name: str, tensor: Tensor, vae) -> tuple[str, Tensor]:
    blocks = len(vae.config.block_out_channels)

    def up(match: re.Match) -> str:
        return f"decoder.up.{blocks - 1 - int(match[1])}."

    name = re.sub(r"decoder\.up_blocks\.(\d+)\.", up, name)
    name = re.sub(r"encoder\.down_blocks\.(\d+)\.", r"encoder.down.\1.", name)
    name = re.sub(r"mid_block\.resnets\.(\d+)", lambda match: f"mid.block_{int(match[1]) + 1}", name)
    name = re.sub(r"\.resnets\.(\d+)", r".block.\1", name)
    name = name.replace("downsamplers.0", "downsample").replace("upsamplers.0", "upsample")
    name = name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
    if "mid_block.attentions.0" in name:
        name = name.replace("mid_block.attentions.0", "mid.attn_1")
        for ours, theirs in VAE_ATTENTION.items():
            name = name.replace(f".{ours}.", f".{theirs}.")
        if tensor.ndim == 2:
            tensor = tensor[:, :, None, None]  # theirs are 1×1 convolutions
    return name, tensor
