"""Flux.1, whose text tokens all stand at the origin, and Flux.2, whose text tokens are numbered."""

import torch
from torch import Tensor

from whichway.analysis.images.text_keys import text_first
from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.inputs import NOW, TOKENS, fixed, image_places, place_ids

#: what Flux.1 and the classes made after it have in common
SMALL_FLUX = {
    "patch_size": 1,
    "in_channels": 8,
    "num_layers": 1,
    "num_single_layers": 1,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": 24,
}


def denoise_flux1(denoiser: torch.nn.Module, text: Text) -> Tensor:
    return denoiser(
        fixed(1, TOKENS, 8),
        text.rows,
        pooled_projections=fixed(1, 16, seed=2),
        timestep=NOW,
        img_ids=image_places(3),
        txt_ids=torch.zeros(text.size, 3, dtype=torch.float64),  # FluxPipeline: every text token at the origin
    ).sample


FLUX = Architecture(
    name="flux",
    title="Flux.1",
    class_name="FluxTransformer2DModel",
    configuration=SMALL_FLUX | {"pooled_projection_dim": 16, "axes_dims_rope": (4, 4, 8)},
    width=24,
    call=denoise_flux1,
    text_keys=text_first(TOKENS),
)


def denoise_flux2(denoiser: torch.nn.Module, text: Text) -> Tensor:
    zero = torch.zeros(text.size)
    return denoiser(
        fixed(1, TOKENS, 8),
        text.rows,
        NOW,
        img_ids=image_places(4),
        txt_ids=place_ids(zero, zero, zero, text.places),  # Flux2Pipeline._prepare_text_ids
    ).sample


FLUX2 = Architecture(
    name="flux2",
    title="Flux.2",
    class_name="Flux2Transformer2DModel",
    configuration=SMALL_FLUX
    | {"timestep_guidance_channels": 16, "axes_dims_rope": (4, 4, 4, 4), "guidance_embeds": False},
    width=24,
    call=denoise_flux2,
    text_keys=text_first(TOKENS),
    places=True,
)
