"""Images as points of a Euclidean space: what makes some perceptual distances quick, and gives paths a curvature."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8

Images = UInt8[np.ndarray, "frames height width 3"]
Distances = Float[np.ndarray, " frames"]
Features = Float[torch.Tensor, "frames features"]

LOOKED_AT_TOGETHER = 2**17  # pixels in a batch of the network: 32 images of 64×64
PAIRS_TOGETHER = 2**22  # pixels of the pairs whose features are held at once: 1,024 pairs of 64×64
KEPT = 2**28  # bytes of features that are kept: 2,000 images of 64×64 under LPIPS, 25 of 512×512


class FeatureSpace:
    """A perceptual distance that is a power of the Euclidean distance between features: d(a, b) = ‖φ(a) − φ(b)‖^power.

    Every different image is looked at once: along a path each frame is the end of one step and the start of the next,
    and the ends of a path are those of all paths between the same prompts. Features are kept, the latest
    :data:`KEPT` bytes of them, by the images' content. Any number of threads may ask.

    Args:
        embed: φ, of images of one size.
        power: 1 where the distance is a metric, 2 where it is a squared one (LPIPS).
    """

    def __init__(self, embed: Callable[[Images], Features], *, power: int) -> None:
        self.embed, self.power = embed, power
        self._kept: OrderedDict[bytes, torch.Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def distances(self, a: Images, b: Images) -> Distances:
        """d(a_k, b_k), (frames,)."""
        together = max(1, PAIRS_TOGETHER // (a.shape[1] * a.shape[2]))
        chunks = [slice(first, first + together) for first in range(0, len(a), together)]
        return np.concatenate([np.zeros(0), *(self._distances(a[chunk], b[chunk]) for chunk in chunks)])

    def _distances(self, a: Images, b: Images) -> Distances:
        points = self.points(np.concatenate([a, b]))
        # each difference by itself: all of them at once would double the memory
        euclidean = [(x - y).double().norm() for x, y in zip(points[: len(a)], points[len(a) :], strict=True)]
        return torch.stack(euclidean).numpy() ** self.power

    def points(self, images: Images) -> list[torch.Tensor]:
        """φ of each image, (features,) float32 each; equal images share one tensor."""
        keys = [hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest() for image in images]
        with self._lock:
            known = {key: self._kept[key] for key in keys if key in self._kept}
        missing = {key: index for index, key in enumerate(keys) if key not in known}
        known |= dict(zip(missing, self._embed(images, [*missing.values()]), strict=True))
        with self._lock:
            self._keep(known)
        return [known[key] for key in keys]

    def _embed(self, images: Images, indices: Sequence[int]) -> list[torch.Tensor]:
        together = max(1, LOOKED_AT_TOGETHER // (images.shape[1] * images.shape[2]))
        batches = [images[list(indices[first : first + together])] for first in range(0, len(indices), together)]
        # copies: a row of a batch would keep its whole batch in memory
        return [row.clone() for batch in batches for row in self.embed(batch)]

    def _keep(self, points: dict[bytes, torch.Tensor]) -> None:
        for key, point in points.items():
            self._kept[key] = point
            self._kept.move_to_end(key)
        size = sum(point.nbytes for point in self._kept.values())
        while size > KEPT:
            _, oldest = self._kept.popitem(last=False)
            size -= oldest.nbytes


def channels_first(images: Images) -> torch.Tensor:
    """(frames, 3, height, width) float32 in [0, 1]."""
    return torch.from_numpy(images.astype(np.float32)).permute(0, 3, 1, 2) / 255
