"""Do two instruments agree on what a picture of the miniature's world shows, whatever that is?"""

import numpy as np
from jaxtyping import Float, UInt8

from whichway.analysis.fidelity.text_image import miniature_towers
from whichway.analysis.fidelity.world import at_world_size

Images = UInt8[np.ndarray, "frames height width 3"]


def scene_agreement(images: Images) -> Float[np.ndarray, " frames"]:
    """Cosine of each image with the caption of the scene that the judge sees in it, by the miniature's towers.

    The judge (:func:`whichway.analysis.fidelity.world.scene_confidence`) is soon sure of itself; here the towers, which
    were trained apart from it, have to see the same scene. About 0.91 on painted scenes, 0.5 on half-way blends of two.
    """
    from whichway.miniature.captions import plain_caption
    from whichway.miniature.judge import load_judge

    pictures = at_world_size(images)
    captions = [plain_caption(scene) for scene in load_judge().scenes(pictures)]
    different = list(dict.fromkeys(captions))
    scores = miniature_towers().score(pictures, different)
    return scores[np.arange(len(pictures)), [different.index(caption) for caption in captions]]
