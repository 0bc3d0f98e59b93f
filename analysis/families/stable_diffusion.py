"""Stable Diffusion 1.x and 2.x: one text encoder, one cloud, seen by a UNet through cross-attention alone."""

from whichway.analysis.families.encoder import Encoder, clip_positions
from whichway.analysis.families.family import ROWS, Family, negative

STABLE_DIFFUSION = Family(
    name="Stable Diffusion 1.x and 2.x",
    pipelines=("StableDiffusionPipeline", "LatentConsistencyModelPipeline"),
    denoiser="unet",
    encoders=(Encoder("text", ("tokenizer",), clip_positions, chunked=True),),
    returns=(ROWS, negative(ROWS)),
    width=lambda pipeline: pipeline.unet.config.cross_attention_dim,
)
