"""What a text is to each family of models: :data:`FAMILIES`, one short file for each.

Reading order: :mod:`~whichway.analysis.families.conditioning` → :mod:`~whichway.analysis.families.family` →
:mod:`~whichway.analysis.families.stable_diffusion`.
"""

from typing import Any

from whichway.analysis.errors import UserError
from whichway.analysis.families.conditioning import Conditioning
from whichway.analysis.families.family import Family
from whichway.analysis.families.stable_diffusion import STABLE_DIFFUSION

__all__ = ["FAMILIES", "Conditioning", "Family", "find_family"]

FAMILIES = (STABLE_DIFFUSION,)


def find_family(pipeline: Any, name: str) -> Family:
    """The family that a pipeline of diffusers belongs to; ``name`` is what the user called it.

    Raises:
        UserError: it belongs to none.
    """
    for family in FAMILIES:
        if family.owns(pipeline):
            return family
    raise UserError(
        f"model {name!r} is a {type(pipeline).__name__}, whose conditioning is not one cloud of token rows; "
        "wanted a pipeline like Stable Diffusion 1.x or 2.x (one text encoder, one UNet)"
    )
