"""Is a picture one of the miniature's world? The judge that is shipped with it says how sure it is of some scene."""

from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8

from whichway.miniature import MODEL

Images = UInt8[np.ndarray, "frames height width 3"]


def draws_the_world(pipeline: Any) -> bool:
    """Whether a pipeline's captions are those of the miniature's world: its tokenizer has exactly their words.

    So says every miniature, from whichever seed and at whichever step of its training; no other model does.
    """
    vocabulary = _vocabulary()
    tokenizer = getattr(pipeline, "tokenizer", None)
    return tokenizer is not None and len(tokenizer) == len(vocabulary) and tokenizer.get_vocab() == vocabulary


@cache
def _vocabulary() -> dict[str, int]:
    from whichway.miniature.tokenizer import load_tokenizer

    vocabulary: dict[str, int] = load_tokenizer(MODEL).get_vocab()
    return vocabulary


def scene_confidence(images: Images) -> Float[np.ndarray, " frames"]:
    """Probability of the likeliest scene that each image may show, in (0, 1]; near 1 on painted scenes.

    :meth:`whichway.miniature.judge.Judge.confidence`. The judge learned from painted scenes, and was never shown what
    is none: half-way blends of two scenes get 0.6 on average, so compare methods, and read no single value as a
    verdict. Images of another size are resized to the world's 64×64.
    """
    from whichway.miniature.judge import load_judge

    return load_judge().confidence(at_world_size(images))


def at_world_size(images: Images) -> UInt8[np.ndarray, "frames 64 64 3"]:
    """Resized to 64×64 (bilinear, antialiased), where they have another size."""
    from whichway.miniature.painter import RESOLUTION

    if images.shape[1:3] == (RESOLUTION, RESOLUTION):
        return images
    x = torch.from_numpy(images.astype(np.float32)).permute(0, 3, 1, 2)
    x = F.interpolate(x, size=(RESOLUTION, RESOLUTION), mode="bilinear", antialias=True)
    return x.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
