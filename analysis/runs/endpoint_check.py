"""Does every path end in the image of B? Its last frame really was rendered, with B's rows in the path's own order.

A path's end is B as a cloud, but its rows may come in another order. A model that sees a measure makes the same image
of both, up to rounding; one that sees the order of rows, or a path that ends elsewhere, does not: the check fails.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from whichway.analysis.images.noise import latent_shape
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.models.dtypes import pixel_tolerance, rounding_tolerance, sampling_tolerance
from whichway.analysis.models.model import Model


@dataclass(frozen=True)
class EndpointCheck:
    """The last frame of every method against the image of B.

    Attributes:
        errors: method → largest difference, in levels of 255.
        tolerance: what rounding may cause (:func:`endpoint_tolerance`).
    """

    errors: Mapping[str, int]
    tolerance: int

    @property
    def worst(self) -> str:
        """The method with the largest error."""
        return max(self.errors, key=lambda name: self.errors[name])

    @property
    def passed(self) -> bool:
        return self.errors[self.worst] <= self.tolerance

    def __str__(self) -> str:
        difference = f"largest pixel difference {self.errors[self.worst]}/255, rounding allows {self.tolerance}/255"
        if self.passed:
            return f"endpoint check: every path ends in the image of B ({difference})"
        return f"endpoint check FAILED: {self.worst} ends in another image than B's ({difference})"

    def as_json(self) -> dict:
        return {"passed": self.passed, "tolerance": self.tolerance, "errors": dict(self.errors)}


def endpoint_error(frames: np.ndarray, image_b: np.ndarray) -> int:
    """Largest difference between the last of the frames and the image of B, in levels of 255."""
    return int(np.abs(frames[-1].astype(int) - image_b.astype(int)).max())


def endpoint_tolerance(model: Model, sampling: Sampling, *, rows: int) -> int:
    """Largest pixel difference, in levels of 255, that the order of summation alone may cause between two renderings.

    As the invariance check derives its tolerances: from the dtype, the depth of denoiser and decoder, the guidance and
    the number of steps (:mod:`whichway.analysis.models.dtypes`). No number is tuned.

    Args:
        rows: of a conditioning.
    """
    sampling = sampling.resolved(model.defaults)
    _, height, width = latent_shape(model, sampling)
    once = rounding_tolerance(model.denoiser, model.dtype, rows=rows)
    latents = sampling_tolerance(
        once, model.dtype, steps=sampling.num_inference_steps, guidance=sampling.guidance_scale
    )
    decoder = rounding_tolerance(model.pipeline.vae.decoder, model.dtype, rows=height * width)
    values = 3 * math.prod((height, width)) * model.pipeline.vae_scale_factor**2
    return pixel_tolerance(latents, decoder, pixels=values)
