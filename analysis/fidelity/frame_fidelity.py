"""Frames of one path → how good the ones in between are as pictures. Its ends are the model's own, whatever the path.

On the miniature: the judge's confidence in *some* scene, whichever it is; the towers' agreement with the judge on that
scene; and the agreement with the caption of the nearer end, where a frame of a good third scene scores low. On other
models nobody knows what a scene is, so the first two are missing; the third needs a CLIP on the disk. What can be said
of every model, from many paths together, is :mod:`whichway.analysis.fidelity.kernel_distance`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from whichway.analysis.fidelity.scene_agreement import scene_agreement
from whichway.analysis.fidelity.text_image import TextImageScorer, installed_clip, miniature_towers
from whichway.analysis.fidelity.world import draws_the_world, scene_confidence
from whichway.analysis.reading.photograph_prompt import literal_prompt, names_photograph
from whichway.analysis.vocabulary import MEASURES

Images = UInt8[np.ndarray, "frames height width 3"]
#: measure (:data:`whichway.analysis.vocabulary.MEASURES`) → its value, None where it could not be measured
Fidelity = dict[str, float | None]

OF_FRAMES = tuple(name for name, measure in MEASURES.items() if measure.of == "frames")


def measure_fidelity(frames: Images, times: Sequence[float], captions: tuple[str, str], pipeline: Any) -> Fidelity:
    """Means over the frames in between, all but the first and the last.

    Args:
        frames: of a path from ``captions[0]`` to ``captions[1]``, taken at ``times`` (0 to 1).
        pipeline: what rendered them: it says whether they are of the miniature's world.

    Returns:
        "scene_confidence", "scene_agreement" and "text_image_score"; None without frames in between, and where there
        is no judge, no CLIP, or a photograph in the place of a caption.
    """
    between, t = frames[1:-1], np.asarray(times[1:-1])
    if not len(between):
        return dict.fromkeys(OF_FRAMES)
    of_world = draws_the_world(pipeline)
    scorer = miniature_towers() if of_world else installed_clip()
    if any(map(names_photograph, captions)):
        scorer = None
    return {
        "scene_confidence": float(scene_confidence(between).mean()) if of_world else None,
        "scene_agreement": float(scene_agreement(between).mean()) if of_world else None,
        "text_image_score": float(nearer_caption_score(scorer, between, t, captions).mean()) if scorer else None,
    }


def mean_fidelity(measured: Sequence[Fidelity]) -> Fidelity:
    """Of several paths that have equally many frames in between; None for what is missing of one of them."""
    means: Fidelity = {}
    for name in OF_FRAMES:
        values = [value for of_path in measured if (value := of_path[name]) is not None]
        means[name] = float(np.mean(values)) if len(values) == len(measured) else None
    return means


def nearer_caption_score(
    scorer: TextImageScorer, images: Images, times: Float[np.ndarray, " frames"], captions: tuple[str, str]
) -> Float[np.ndarray, " frames"]:
    """Each image's cosine with the first caption before t = ½, with the second after it, with both in the middle."""
    scores = scorer.score(images, [*map(literal_prompt, captions)])
    share_of_second = 0.5 + 0.5 * np.sign(np.round(times - 0.5, 9))
    return (1 - share_of_second) * scores[:, 0] + share_of_second * scores[:, 1]


def describe_instruments(pipeline: Any) -> Mapping[str, str | None]:
    """Measure → who measures it for this pipeline; None where nobody can."""
    of_world = draws_the_world(pipeline)
    scorer = miniature_towers() if of_world else installed_clip()
    return {
        "scene_confidence": "the miniature's judge" if of_world else None,
        "scene_agreement": "the miniature's judge and towers" if of_world else None,
        "text_image_score": scorer.name if scorer else None,
    }
