"""Clouds to measure on: captions of the miniature's world, as wide as Stable Diffusion 1.5's."""

import numpy as np
import torch

from whichway.analysis.models.model import load_model
from whichway.analysis.prompts.encoding import encode_all
from whichway.geometry import PointCloud
from whichway.miniature.captions import describe
from whichway.miniature.world import sample_scene

WIDTH = 768


def caption_clouds(count: int, *, width: int = WIDTH, seed: int = 0) -> list[PointCloud]:
    """Different captions' clouds, (77, width): the miniature's rows, carried isometrically into more dimensions."""
    rng = np.random.default_rng(seed)
    captions: dict[str, None] = {}
    while len(captions) < count:
        captions[describe(sample_scene(rng), rng)] = None
    clouds = list(encode_all(load_model(), list(captions)))
    generator = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(width, clouds[0].dimension, generator=generator, dtype=torch.float64)).Q
    return [PointCloud((cloud.rows.double() @ basis.T).float()) for cloud in clouds]
