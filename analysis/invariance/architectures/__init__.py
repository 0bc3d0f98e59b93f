"""The denoisers of the census: real classes of diffusers, small, with random weights. One file for each family.

A new architecture is an :class:`Architecture` in its family's file, and its name in the list below.
"""

from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.auraflow import AURAFLOW
from whichway.analysis.invariance.architectures.bria import BRIA
from whichway.analysis.invariance.architectures.chroma import CHROMA
from whichway.analysis.invariance.architectures.cogview import COGVIEW3, COGVIEW4
from whichway.analysis.invariance.architectures.deepfloyd import DEEPFLOYD
from whichway.analysis.invariance.architectures.flux import FLUX, FLUX2
from whichway.analysis.invariance.architectures.hidream import HIDREAM
from whichway.analysis.invariance.architectures.hunyuan import HUNYUAN_DIT, HUNYUAN_IMAGE
from whichway.analysis.invariance.architectures.kandinsky import KANDINSKY3, KANDINSKY5
from whichway.analysis.invariance.architectures.longcat import LONGCAT
from whichway.analysis.invariance.architectures.lumina import LUMINA2
from whichway.analysis.invariance.architectures.ovis import OVIS
from whichway.analysis.invariance.architectures.pixart import PIXART
from whichway.analysis.invariance.architectures.prx import PRX
from whichway.analysis.invariance.architectures.qwen_image import QWEN_IMAGE
from whichway.analysis.invariance.architectures.sana import SANA
from whichway.analysis.invariance.architectures.stable_diffusion import SD1, SD2, SD15, SDXL
from whichway.analysis.invariance.architectures.stable_diffusion_3 import SD3
from whichway.analysis.invariance.architectures.z_image import Z_IMAGE

_UNETS = (SD1, SD2, SDXL, DEEPFLOYD, KANDINSKY3, SD15)
_CROSS_ATTENDING_TRANSFORMERS = (PIXART, SANA, HUNYUAN_DIT)
#: one softmax over text and image
_JOINT_TRANSFORMERS = (SD3, AURAFLOW, FLUX, CHROMA, BRIA, COGVIEW3, COGVIEW4, HIDREAM, PRX, HUNYUAN_IMAGE)
#: the text rows carry their places
_ORDERED_TRANSFORMERS = (FLUX2, LONGCAT, OVIS, QWEN_IMAGE, LUMINA2, Z_IMAGE, KANDINSKY5)

#: name → architecture, in the order of the census' table
ARCHITECTURES: dict[str, Architecture] = {
    entry.name: entry
    for entry in (*_UNETS, *_CROSS_ATTENDING_TRANSFORMERS, *_JOINT_TRANSFORMERS, *_ORDERED_TRANSFORMERS)
}

__all__ = ["ARCHITECTURES", "Architecture", "Text"]
