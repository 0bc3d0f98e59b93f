"""What a text is to each family of models: :data:`FAMILIES`, one short file for each.

Reading order: :mod:`~whichway.analysis.families.conditioning` → :mod:`~whichway.analysis.families.encoder` →
:mod:`~whichway.analysis.families.family` → :mod:`~whichway.analysis.families.stable_diffusion` and its successors →
:mod:`~whichway.analysis.reading.prompt_syntax`, :mod:`~whichway.analysis.families.chunks`,
:mod:`~whichway.analysis.families.word_weights` → :mod:`~whichway.analysis.families.encoding`; what is recognised and
refused: :mod:`~whichway.analysis.families.refused`.
"""

from whichway.analysis.families.conditioning import Conditioning
from whichway.analysis.families.encoding import TruncationWarning, encode, encode_negative
from whichway.analysis.families.family import Family
from whichway.analysis.families.recognition import FAMILIES, find_family, register_family
from whichway.analysis.reading.prompt_reading import PromptReading, PromptSyntaxWarning

__all__ = [
    "FAMILIES",
    "Conditioning",
    "Family",
    "PromptReading",
    "PromptSyntaxWarning",
    "TruncationWarning",
    "encode",
    "encode_negative",
    "find_family",
    "register_family",
]
