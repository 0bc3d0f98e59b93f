"""Kolors: ChatGLM's 256 rows, padding (before the prompt) seen; its last position as pooled text; a UNet as SDXL's."""

from typing import Any

from whichway.analysis.families.encoder import Encoder, sequence_length
from whichway.analysis.families.family import POOLED, WITH_POOLED, Family


def width(pipeline: Any) -> int:
    """The UNet projects ChatGLM's rows before its cross-attention."""
    config = pipeline.unet.config
    return int(config.get("encoder_hid_dim") or config["cross_attention_dim"])


KOLORS = Family(
    name="Kolors",
    pipelines=("KolorsPipeline",),
    denoiser="unet",
    encoders=(Encoder("chatglm", ("tokenizer",), sequence_length),),
    returns=WITH_POOLED,
    vectors={"pooled": POOLED},
    text_modules=("encoder_hid_proj",),
    width=width,
)
