"""Which family a pipeline belongs to."""

from typing import Any

from whichway.analysis.errors import UserError
from whichway.analysis.families.auraflow import AURAFLOW
from whichway.analysis.families.family import Family
from whichway.analysis.families.flux import FLUX
from whichway.analysis.families.kolors import KOLORS
from whichway.analysis.families.pixart import PIXART
from whichway.analysis.families.sana import SANA
from whichway.analysis.families.stable_diffusion import STABLE_DIFFUSION
from whichway.analysis.families.stable_diffusion_3 import STABLE_DIFFUSION_3
from whichway.analysis.families.stable_diffusion_xl import STABLE_DIFFUSION_XL

FAMILIES = (STABLE_DIFFUSION, STABLE_DIFFUSION_XL, STABLE_DIFFUSION_3, FLUX, PIXART, SANA, AURAFLOW, KOLORS)


def find_family(pipeline: Any, name: str) -> Family:
    """The family that a pipeline of diffusers belongs to; ``name`` is what the user called it.

    Raises:
        UserError: it belongs to none.
    """
    for family in FAMILIES:
        if family.owns(pipeline):
            return family
    known = ", ".join(family.name for family in FAMILIES)
    raise UserError(f"model {name!r} is a {type(pipeline).__name__}, which is of no known family; known: {known}")
