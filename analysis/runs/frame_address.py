"""The address of a frame: a hash of all that its pixels depend on. Equal addresses, equal images.

That is the conditioning (rows, weights, masses and vectors, in their order), that of the negative prompt, the sampling,
the model, and the versions of the packages that render. What the conditioning came from (prompts, a coupling, POT) does
not count: only what it is.
"""

import hashlib
import json
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from whichway.analysis.families import Conditioning
from whichway.analysis.images.attended_cloud import AttendedCloud
from whichway.analysis.images.guidance import negative_conditioning
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.images.travelling_noise import GivenNoise, noise_of
from whichway.analysis.models.model import Model
from whichway.analysis.models.versions import RENDERING_PACKAGES, versions
from whichway.geometry import PointCloud


class FrameAddresses:
    """Addresses of the frames of one model under one sampling, as both are now.

    Attributes:
        model_identity: :attr:`whichway.analysis.models.model.Model.rendering_identity` when the addresses were made.
    """

    def __init__(self, model: Model, sampling: Sampling) -> None:
        sampling = sampling.resolved(model.defaults)
        self.dtype, self.model_identity, self.seed = model.dtype, model.rendering_identity, sampling.seed
        settings = asdict(sampling) | self.model_identity | {"versions": versions(RENDERING_PACKAGES)}
        del settings["negative_prompt"]  # its conditioning counts
        self._shared = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        negative = negative_conditioning(model, sampling)
        self._negative = None if negative is None else self._digest(negative)

    def of(self, conditioning: Conditioning) -> str:
        """64 hexadecimal digits."""
        address = self._shared.copy()
        if self._negative is not None:
            own = conditioning.negative
            address.update(self._negative if own is None else self._digest(own))
        address.update(self._digest(conditioning))
        noise = noise_of(conditioning, self.seed)
        if isinstance(noise, GivenNoise):
            address.update(f"noise {noise.sha256}".encode())
        elif noise.seed != self.seed:  # where it is, the sampling has said so
            between = (noise.start, noise.end, noise.t) if noise.seed is None else (noise.seed, noise.seed, 0.0)
            address.update("noise {} {} {!r}".format(*between).encode())
        return address.hexdigest()

    def _digest(self, conditioning: Conditioning) -> bytes:
        digest = hashlib.sha256()
        for name, cloud in sorted(conditioning.clouds.items()):
            digest.update(f"{name} {conditioning.masses[name]!r}".encode())
            self._add_cloud(digest, cloud)
        for name, vector in sorted(conditioning.vectors.items()):
            digest.update(name.encode())
            digest.update(_bytes(vector.to(self.dtype)))
        return digest.digest()

    def _add_cloud(self, digest: Any, cloud: PointCloud) -> None:
        """Rows as the model gets them; weights only where they are not all the same, since the model sees none then."""
        digest.update(f"{tuple(cloud.rows.shape)} {cloud.is_uniform}".encode())
        digest.update(_bytes(cloud.rows.to(self.dtype)))
        if not cloud.is_uniform:
            digest.update(_bytes(cloud.weights.double()))
        if isinstance(cloud, AttendedCloud):
            digest.update(f"{cloud.t!r} {cloud.kind}".encode())
            for end in cloud.ends:
                self._add_cloud(digest, end)


def _bytes(tensor: torch.Tensor) -> bytes:
    array: np.ndarray = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    return array.tobytes()
