"""Where the search for a photograph's conditioning begins: the empty prompt, given ones, and captions that fit."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import UInt8

from whichway.analysis.fidelity.text_image import TextImageScorer, installed_clip, miniature_towers
from whichway.analysis.fidelity.world import draws_the_world
from whichway.analysis.geodesics.encoder_prior import plain_captions
from whichway.analysis.inversion.settings import InversionSettings
from whichway.analysis.models.model import Model


def starting_prompts(
    model: Model,
    pixels: UInt8[np.ndarray, "height width 3"],
    settings: InversionSettings,
    report: Callable[[str], object],
) -> list[str]:
    """All different, the empty prompt first."""
    nearest: Sequence[str] = ()
    if settings.nearest:
        scorer = miniature_towers() if draws_the_world(model.pipeline) else installed_clip()
        if scorer is None:
            report("no CLIP is on this disk to score captions: starting from the empty prompt and those given")
        else:
            nearest = _nearest_captions(scorer, pixels, settings.captions or plain_captions(), settings.nearest)
    return list(dict.fromkeys(["", *settings.prompts, *nearest]))


def _nearest_captions(
    scorer: TextImageScorer, pixels: UInt8[np.ndarray, "height width 3"], captions: Sequence[str], count: int
) -> list[str]:
    different = list(dict.fromkeys(captions))
    scores = scorer.score(pixels[None], different)[0]
    return [different[k] for k in np.argsort(-scores, kind="stable")[:count]]
