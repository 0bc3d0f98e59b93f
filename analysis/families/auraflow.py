"""AuraFlow: UMT5's rows, those of padding zeroed and seen as zeros; joint attention, text first, after registers."""

from whichway.analysis.families.encoder import Encoder, sequence_length
from whichway.analysis.families.family import WITH_MASK, Family

AURAFLOW = Family(
    name="AuraFlow",
    pipelines=("AuraFlowPipeline",),
    denoiser="transformer",
    encoders=(Encoder("umt5", ("tokenizer",), sequence_length),),
    returns=WITH_MASK,
    mask="zeroed",
    text_keys="first",
    width=lambda pipeline: pipeline.transformer.config.joint_attention_dim,
)
