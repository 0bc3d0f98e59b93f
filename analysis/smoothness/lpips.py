"""LPIPS v0.1 with AlexNet (Zhang, Isola, Efros, Shechtman, Wang 2018, arXiv:1801.03924): the paper's own yardstick.

In plain torch, from a file beside this module (:mod:`whichway.analysis.smoothness.lpips_weights` makes it): neither
torchvision nor a download is needed. The numbers are those of the authors' package ``lpips``, to four digits.
"""

from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from safetensors.torch import load_file

from whichway.analysis.smoothness.feature_space import Features, FeatureSpace, Images, channels_first

WEIGHTS = Path(__file__).parent / "weights" / "lpips_alexnet.safetensors"
LAYERS = 5
#: what the trunk was trained on: images in [−1, 1], minus the first, over the second, for red, green, blue
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
SMALLEST = 31  # pixels: below, nothing is left after AlexNet's second pooling
OWN_SIZE = 64  # pixels: of the patches that people compared


@cache
@torch.inference_mode(False)  # tensors made in inference mode could never be part of a graph
def _weights() -> dict[str, torch.Tensor]:
    """As float32. The trunk is stored as float16, 5 MB: it moves the distance of two images by about 1e-5."""
    return {name: tensor.float() for name, tensor in load_file(WEIGHTS).items()}


@torch.inference_mode()
def lpips_features(images: Images) -> Features:
    """:func:`lpips_embedding` of finished images, (frames, features) float32."""
    return lpips_embedding(channels_first(images))


def lpips_embedding(images: Float[torch.Tensor, "frames 3 height width"]) -> Features:
    """Features whose *squared* Euclidean distance is LPIPS, (frames, features) float32.

    The outputs φ_l of AlexNet's five ReLUs, of length 1 over channels at every place, times √(w_l / places): then
    ‖φ(a) − φ(b)‖² = Σ_l mean over places of w_l · (φ_l(a) − φ_l(b))², the paper's eq. 1, whose weights w_l are never
    negative. Images are looked at in their own size, as the authors' package does; 64×64 is LPIPS' own scale (its
    training patches have it), and larger images are told apart by finer detail. Images with a side below 31 pixels,
    on which the network is not defined, are enlarged until that side is 64.

    Args:
        images: with values in [0, 1]; they may want a gradient.
    """
    weights, features = {name: tensor.to(images.device) for name, tensor in _weights().items()}, []
    for layer, x in enumerate(_alexnet_outputs(images)):
        # the clamp changes no value; it keeps the root's gradient finite where all channels are zero
        unit = x / (x.square().sum(dim=1, keepdim=True).clamp(min=1e-20).sqrt() + 1e-10)
        places = x.shape[-2] * x.shape[-1]
        features.append((unit * (weights[f"linear{layer}.weight"] / places).sqrt()[:, None, None]).flatten(1))
    return torch.cat(features, dim=1)


@torch.inference_mode()
def alexnet_outputs(images: Images) -> list[torch.Tensor]:
    """What AlexNet's five ReLUs put out, (frames, channels, height, width) each."""
    return _alexnet_outputs(channels_first(images))


def _alexnet_outputs(images: Float[torch.Tensor, "frames 3 height width"]) -> list[torch.Tensor]:
    weights = {name: tensor.to(images.device) for name, tensor in _weights().items()}
    x = images.float() * 2 - 1
    if (side := min(x.shape[-2:])) < SMALLEST:
        x = F.interpolate(x, scale_factor=OWN_SIZE / side, mode="bilinear")
    shift, scale = (torch.tensor(values, device=x.device)[:, None, None] for values in (SHIFT, SCALE))
    x = (x - shift) / scale
    outputs = []
    for layer in range(LAYERS):
        if layer in (1, 2):
            x = F.max_pool2d(x, 3, stride=2)
        kernel, bias = weights[f"convolution{layer}.weight"], weights[f"convolution{layer}.bias"]
        stride, padding = (4, 2) if layer == 0 else (1, kernel.shape[-1] // 2)
        x = F.relu(F.conv2d(x, kernel, bias, stride, padding))
        outputs.append(x)
    return outputs


#: LPIPS itself, as the paper and StyleGAN's perceptual path length use it: a *squared* distance, no metric
LPIPS = FeatureSpace(lpips_features, power=2)
