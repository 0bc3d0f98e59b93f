"""Pipelines that are recognised and whose conditioning is no cloud, with the reason: why rows cannot be re-matched."""

from collections.abc import Mapping
from types import MappingProxyType

ORDERED = (
    "its text rows know their places (rotary positions), so that it sees a sequence and not a cloud: of the methods, "
    "only interpolation row by row (identity, slerp) would mean anything there, and diffusers' own call does that"
)
PLACED_VECTORS = (
    "it fills masked rows with a learned vector for each place and pools T5's rows inside, so that its image depends "
    "on where rows stand"
)
SOFT_MASK = (
    "its mask reaches the softmax as a number of 0 or 1 beside the logits (diffusers' issues 11724, 12116, 13619), so "
    "that masked rows are seen and a row's weight depends on it"
)
IMAGE_WANTED = "it makes an image of another image; wanted a pipeline that makes one of a text alone"

#: class of diffusers → why its texts are no clouds
REASONS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "Flux2Pipeline",
                "Flux2KleinPipeline",
                "QwenImagePipeline",
                "Lumina2Pipeline",
                "ZImagePipeline",
                "LongCatImagePipeline",
                "OvisImagePipeline",
            ),
            ORDERED,
        ),
        **dict.fromkeys(("HunyuanDiTPipeline", "HunyuanDiTPAGPipeline"), PLACED_VECTORS),
        "ChromaPipeline": SOFT_MASK,
    }
)
#: in the names of classes that want an image beside the text
WITH_IMAGE = ("Img2Img", "Inpaint", "ControlNet", "Upscale", "Depth2Img", "Edit", "Kontext", "Redux", "Fill", "Pix2Pix")


def why_refused(class_names: tuple[str, ...]) -> str | None:
    """Why a pipeline is not taken whose class and ancestors have these names; None: no reason is known.

    The nearest ancestor decides.
    """
    for name in class_names:
        if name in REASONS:
            return REASONS[name]
        if any(part in name for part in WITH_IMAGE):
            return IMAGE_WANTED
    return None
