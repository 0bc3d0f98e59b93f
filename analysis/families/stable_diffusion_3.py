"""Stable Diffusion 3 and 3.5: CLIP's rows, padded with zeros to T5's width, then T5's; joint attention, text last.

A pipeline without T5 puts rows of zeros in its place, which the denoiser sees.
"""

from whichway.analysis.families.encoder import Encoder, clip_positions, sequence_length
from whichway.analysis.families.family import POOLED, WITH_POOLED, Family

STABLE_DIFFUSION_3 = Family(
    name="Stable Diffusion 3",
    pipelines=("StableDiffusion3Pipeline",),
    denoiser="transformer",
    encoders=(
        Encoder("clip", ("tokenizer", "tokenizer_2"), clip_positions, chunked=True),
        Encoder("t5", ("tokenizer_3",), sequence_length, argument="prompt_3"),
    ),
    returns=WITH_POOLED,
    vectors={"pooled": POOLED},
    text_keys="last",
    width=lambda pipeline: pipeline.transformer.config.joint_attention_dim,
)
