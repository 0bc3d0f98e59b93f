"""PixArt α and Σ: T5's rows, those of padding hidden by a mask; cross-attention after a projection of the rows."""

from collections.abc import Mapping
from typing import Any

from whichway.analysis.families.encoder import Encoder, called_with, sequence_length
from whichway.analysis.families.family import WITH_MASK, Family
from whichway.analysis.quiet import quiet_libraries


def text(pipeline: Any, prompt: str) -> str:
    """The prompt as the pipeline cleans it."""
    with quiet_libraries():  # cleaning captions needs packages that are seldom installed; encoding has that too
        [cleaned] = pipeline._text_preprocessing(prompt, clean_caption=called_with(pipeline, "clean_caption"))
    return str(cleaned)


def size_bins(pipeline: Any) -> Mapping[str, bool]:
    """The pipelines render at the nearest size of a table, and have tables for their published sizes only."""
    return {"use_resolution_binning": pipeline.transformer.config.sample_size in (32, 64, 128, 256)}


PIXART = Family(
    name="PixArt",
    pipelines=("PixArtAlphaPipeline", "PixArtSigmaPipeline"),
    denoiser="transformer",
    encoders=(Encoder("t5", ("tokenizer",), sequence_length, text),),
    returns=WITH_MASK,
    mask="hidden",
    text_modules=("caption_projection",),
    width=lambda pipeline: pipeline.transformer.config.caption_channels,
    call_options=size_bins,
)
