"""Image, image → how far apart they look: perceptual distances that know nothing of the model under test.

Every distance takes two equally long stacks of images, (frames, height, width, 3) uint8 sRGB, and returns one number
for each pair, (frames,) float64. Images are compared at their own size unless said otherwise.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch

from whichway.analysis.errors import UserError, require_known
from whichway.analysis.optional_packages import how_to_install
from whichway.analysis.smoothness.efficientnet import EFFICIENTNET
from whichway.analysis.smoothness.feature_space import Distances, Images, channels_first
from whichway.analysis.smoothness.lpips import LPIPS
from whichway.analysis.vocabulary import PERCEPTUAL_DISTANCES, require_free_name


def perceptual_distance(name: str, a: Images, b: Images) -> Distances:
    """Distances d(a_k, b_k) under the perceptual distance called ``name``, (frames,).

    Raises:
        UserError: there is none of that name (the known ones are named), or its optional package is missing.
        ValueError: images of different shape or not (frames, height, width, 3) uint8.
    """
    require_known("perceptual distance", name, FUNCTIONS)
    if a.shape != b.shape or a.ndim != 4 or a.shape[-1] != 3 or a.dtype != np.uint8 or b.dtype != np.uint8:
        raise ValueError(
            f"images: wanted two (frames, height, width, 3) uint8, got {a.dtype} {a.shape} and {b.dtype} {b.shape}"
        )
    return FUNCTIONS[name](a, b)


def require_available(name: str) -> None:
    """Load what the perceptual distance needs, now.

    Raises:
        UserError: its optional package or its weights are missing.
    """
    black = np.zeros((1, 64, 64, 3), np.uint8)
    perceptual_distance(name, black, black)


def ssim_distance(a: Images, b: Images) -> Distances:
    """1 − SSIM (Wang et al. 2004), from 0 to 2."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    similarity = structural_similarity_index_measure(
        channels_first(a), channels_first(b), data_range=1.0, reduction="none"
    )
    return 1 - similarity.double().reshape(len(a)).numpy()


def flip_distance(a: Images, b: Images) -> Distances:
    """Mean ꟻLIP error of the images flipped between on a screen, from 0 to 1 (Andersson et al. 2020)."""
    import flip_evaluator

    pairs = zip(a.astype(np.float32) / 255, b.astype(np.float32) / 255, strict=True)
    return np.array([flip_evaluator.evaluate(x, y, "LDR", applyMagma=False)[1] for x, y in pairs], dtype=np.float64)


def lpips_vgg_distance(a: Images, b: Images) -> Distances:
    """LPIPS v0.1 with VGG16 instead of AlexNet, by the authors' package; a squared distance as well."""
    network = _lpips_vgg()
    with torch.inference_mode():
        return network(channels_first(a) * 2 - 1, channels_first(b) * 2 - 1).double().reshape(len(a)).numpy()


@cache
def _lpips_vgg() -> Any:
    try:
        import lpips

        return lpips.LPIPS(net="vgg", verbose=False).eval().requires_grad_(False)
    except ImportError as error:
        raise UserError(
            "perceptual distance 'lpips-vgg' needs the packages lpips and torchvision; install them with: "
            f"{how_to_install('lpips')}"
        ) from error
    except Exception as error:  # no network for torchvision's VGG weights, or a damaged download
        raise UserError(
            "perceptual distance 'lpips-vgg' could not load VGG's weights through torchvision "
            f"({type(error).__name__}); they are downloaded on first use, so run it once with a network, or choose "
            "another one"
        ) from error


#: name (:data:`whichway.analysis.vocabulary.PERCEPTUAL_DISTANCES`) → function
FUNCTIONS: dict[str, Callable[[Images, Images], Distances]] = {
    "lpips": LPIPS.distances,
    "efficientnet": EFFICIENTNET.distances,
    "ssim": ssim_distance,
    "flip": flip_distance,
    "lpips-vgg": lpips_vgg_distance,
}
#: which power of a Euclidean distance between features each one is; the others have no such space
POWERS = {"lpips": LPIPS.power, "efficientnet": EFFICIENTNET.power, "lpips-vgg": 2}


def register_perceptual_distance(
    name: str, summary: str, distances: Callable[[Images, Images], Distances], *, power: int | None = None
) -> None:
    """Make a perceptual distance known: to :func:`perceptual_distance`, all settings and the command line.

    Args:
        summary: a few words on what it is.
        distances: of two equally long stacks of images, (frames, height, width, 3) uint8 → (frames,) float64.
        power: where it is a power of a Euclidean distance between features, which; paths then have a curvature.

    Raises:
        ValueError: the name is taken, or could not be told from two names.
    """
    require_free_name("perceptual distance", name, FUNCTIONS)
    FUNCTIONS[name] = distances
    PERCEPTUAL_DISTANCES[name] = summary
    if power is not None:
        POWERS[name] = power
