"""Clouds to measure on: captions of the miniature's world, as wide as Stable Diffusion 1.5's."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from whichway.analysis.files import written_whole
from whichway.analysis.models.model import load_model
from whichway.analysis.prompts.encoding import encode_all
from whichway.geometry import PointCloud, StoredRows
from whichway.miniature.captions import describe
from whichway.miniature.world import sample_scene

WIDTH = 768
TOKENS = 77


def captions(count: int, *, seed: int = 0) -> list[str]:
    """Different captions."""
    rng = np.random.default_rng(seed)
    drawn: dict[str, None] = {}
    while len(drawn) < count:
        drawn[describe(sample_scene(rng), rng)] = None
    return list(drawn)


def caption_clouds(count: int, *, width: int = WIDTH, seed: int = 0) -> list[PointCloud]:
    """Different captions' clouds, (77, width): the miniature's rows, carried isometrically into more dimensions."""
    return list(_clouds(captions(count, seed=seed), width, seed))


def stored_caption_clouds(count: int, path: Path, *, width: int = WIDTH, seed: int = 0) -> StoredRows:
    """As :func:`caption_clouds`, on disk; those of a file that is there already are taken as they are."""
    if not path.exists():
        with written_whole(path) as aside:
            stored = np.lib.format.open_memmap(aside, "w+", np.float32, (count, TOKENS, width))
            clouds = _clouds(captions(count, seed=seed), width, seed)
            for place, cloud in enumerate(tqdm(clouds, "clouds", count)):
                stored[place] = cloud.rows.numpy()
            stored.flush()
    return StoredRows(path, count)


def _clouds(prompts: list[str], width: int, seed: int) -> Iterator[PointCloud]:
    generator = torch.Generator().manual_seed(seed)
    basis = None
    for cloud in encode_all(load_model(), prompts):
        if basis is None:
            basis = torch.linalg.qr(torch.randn(width, cloud.dimension, generator=generator, dtype=torch.float64)).Q
        yield PointCloud((cloud.rows.double() @ basis.T).float())
