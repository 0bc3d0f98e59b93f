"""SDXL, its turbo and lightning kin: CLIP-L and CLIP-G side by side in each row are one cloud; CLIP-G's pooled text."""

from whichway.analysis.families.encoder import Encoder, clip_positions
from whichway.analysis.families.family import POOLED, WITH_POOLED, Family

STABLE_DIFFUSION_XL = Family(
    name="Stable Diffusion XL",
    pipelines=("StableDiffusionXLPipeline",),
    denoiser="unet",
    # one cloud and not two: permuting CLIP-L's halves of the rows alone changes the image
    encoders=(Encoder("clip", ("tokenizer", "tokenizer_2"), clip_positions, chunked=True),),
    returns=WITH_POOLED,
    vectors={"pooled": POOLED},
    width=lambda pipeline: pipeline.unet.config.cross_attention_dim,
)
