"""The denoisers of the census: real classes of diffusers, small, with random weights. One entry each."""

from whichway.analysis.invariance.architectures.architecture import Architecture, Text
from whichway.analysis.invariance.architectures.transformers import TRANSFORMERS
from whichway.analysis.invariance.architectures.unets import UNETS

#: name → architecture, in the order of the table
ARCHITECTURES: dict[str, Architecture] = {entry.name: entry for entry in (*UNETS, *TRANSFORMERS)}

__all__ = ["ARCHITECTURES", "Architecture", "Text"]
