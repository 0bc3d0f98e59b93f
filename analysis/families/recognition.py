"""Which family a pipeline belongs to."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from whichway.analysis.errors import UserError
from whichway.analysis.families.auraflow import AURAFLOW
from whichway.analysis.families.family import Family
from whichway.analysis.families.flux import FLUX
from whichway.analysis.families.kolors import KOLORS
from whichway.analysis.families.pixart import PIXART
from whichway.analysis.families.refused import IMAGE_WANTED, why_refused
from whichway.analysis.families.sana import SANA
from whichway.analysis.families.stable_diffusion import STABLE_DIFFUSION
from whichway.analysis.families.stable_diffusion_3 import STABLE_DIFFUSION_3
from whichway.analysis.families.stable_diffusion_xl import STABLE_DIFFUSION_XL

BUILT_IN = (STABLE_DIFFUSION, STABLE_DIFFUSION_XL, STABLE_DIFFUSION_3, FLUX, PIXART, SANA, AURAFLOW, KOLORS)
_families: dict[str, Family] = {family.name: family for family in BUILT_IN}
#: by name, those that were registered from elsewhere last
FAMILIES: Mapping[str, Family] = MappingProxyType(_families)


def register_family(family: Family) -> None:
    """Make a family known to :func:`find_family`; it is asked before all others, and before any refusal.

    Raises:
        ValueError: the name is taken, or it names no class of pipelines.
    """
    if family.name in _families:
        raise ValueError(f"the name {family.name!r} is taken by another family")
    if not family.pipelines:
        raise ValueError(f"the family {family.name!r} names no class of pipelines")
    _families[family.name] = family


def find_family(pipeline: Any, name: str) -> Family:
    """The family that a pipeline of diffusers belongs to; ``name`` is what the user called it.

    Raises:
        UserError: it belongs to none; with the reason, where one is known, else with what the pipeline is made of.
    """
    classes = tuple(ancestor.__name__ for ancestor in type(pipeline).__mro__)
    registered = [*FAMILIES.values()][len(BUILT_IN) :]
    reason = why_refused(classes)
    if reason and not any(family.owns(pipeline) for family in registered):
        raise UserError(f"model {name!r} is a {classes[0]}: {reason}")
    for family in (*reversed(registered), *BUILT_IN):
        if family.owns(pipeline):
            _require_text_alone(family, pipeline, name)
            return family
    parts = ", ".join(f"{part} {type(value).__name__}" for part, value in _components(pipeline).items())
    known = ", ".join(FAMILIES)
    raise UserError(
        f"model {name!r} is a {classes[0]} ({parts or 'without components'}), which is of no family that is known; "
        f"wanted a text-to-image pipeline of: {known}"
    )


def _components(pipeline: Any) -> dict[str, Any]:
    """Encoders and denoisers: what tells pipelines apart."""
    components = getattr(pipeline, "components", None) or {}
    seen = ("text_encoder", "unet", "transformer", "prior")
    return {part: value for part, value in components.items() if value is not None and part.startswith(seen)}


def _require_text_alone(family: Family, pipeline: Any, name: str) -> None:
    """Raise a UserError for a UNet that takes an image beside the latents, as inpainting's does with 9 channels."""
    denoiser, vae = getattr(pipeline, family.denoiser, None), getattr(pipeline, "vae", None)
    if denoiser is None or vae is None:
        missing = " and ".join(part for part in (family.denoiser, "vae") if getattr(pipeline, part, None) is None)
        raise UserError(f"model {name!r} has no {missing}; wanted a whole {type(pipeline).__name__}")
    channels, own = denoiser.config.in_channels, vae.config.latent_channels
    if family.denoiser == "unet" and channels != own:
        raise UserError(
            f"model {name!r}: its UNet takes {channels} channels where its latents have {own}: {IMAGE_WANTED}"
        )
