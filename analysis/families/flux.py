"""Flux.1 (dev, schnell): T5's 512 rows, padding seen, all at the origin of the rotary places; CLIP's pooled text.

The guidance of dev is an input of its transformer. A negative prompt counts only with ``true_cfg_scale`` above 1, and
then has a pass of its own.
"""

from whichway.analysis.families.encoder import Encoder, sequence_length
from whichway.analysis.families.family import POOLED, ROWS, Family

FLUX = Family(
    name="Flux.1",
    pipelines=("FluxPipeline",),
    denoiser="transformer",
    encoders=(Encoder("t5", ("tokenizer_2",), sequence_length),),
    returns=(ROWS, POOLED, ""),
    vectors={"pooled": POOLED},
    guidance="apart",
    text_keys="first",
    width=lambda pipeline: pipeline.transformer.config.joint_attention_dim,
)
