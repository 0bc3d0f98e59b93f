"""How good are the miniature's parts? The autoencoder's error, the towers' retrieval, the text tower's geometry.

Everything is measured on scenes drawn with a seed of their own. "Trained" and "held out" name combinations of objects,
backgrounds and relations (:func:`whichway.miniature.world.is_held_out`); no picture of either was a training picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from scipy.stats import binomtest

from whichway.geometry import PointCloud, optimal_coupling, random_coupling, rms_frobenius, transport_cost, wasserstein
from whichway.miniature.captions import describe
from whichway.miniature.painter import paint
from whichway.miniature.train_autoencoder import to_unit_range
from whichway.miniature.train_towers import tokenize
from whichway.miniature.world import Scene, sample_scene

SEED = 2_511_12757


@dataclass(frozen=True)
class Share:
    """How many of how many, with a 95 % Wilson interval."""

    right: int
    asked: int

    def __str__(self) -> str:
        interval = binomtest(self.right, self.asked).proportion_ci(method="wilson")
        return f"{self.right / self.asked:.1%} ({interval.low:.1%} – {interval.high:.1%}, n = {self.asked})"


def draw_scenes(count: int, *, held_out: bool, two_objects: float, seed: int) -> list[Scene]:
    rng = np.random.default_rng([SEED, seed])
    return [sample_scene(rng, held_out=held_out, two_objects=two_objects) for _ in range(count)]


def paint_all(scenes: Sequence[Scene], seed: int) -> np.ndarray:
    """Pictures of the scenes, (n, 64, 64, 3) uint8."""
    rng = np.random.default_rng([SEED, seed])
    return np.stack([paint(scene, rng) for scene in scenes])


@torch.inference_mode()
def reconstruction_psnr(pipeline: Any, count: int = 256) -> float:
    """Mean over held-out scenes of the peak signal-to-noise ratio of decode(encode(picture)), in dB."""
    pictures = paint_all(draw_scenes(count, held_out=True, two_objects=0.5, seed=1), 2)
    values: list[float] = []
    for first in range(0, count, 32):
        originals = pictures[first : first + 32]
        latents = pipeline.vae.encode(to_unit_range(originals).to(pipeline.vae.device)).latent_dist.mean
        decoded = (pipeline.vae.decode(latents).sample.clamp(-1, 1) + 1) * 127.5
        errors = decoded.round().permute(0, 2, 3, 1).cpu().numpy() - originals.astype(float)
        values += list(10 * np.log10(255**2 / np.square(errors).mean(axis=(1, 2, 3))))
    return float(np.mean(values))


@torch.inference_mode()
def caption_retrieval(pipeline: Any, vision_folder: Path, count: int = 200) -> tuple[Share, Share]:
    """Of ``count`` held-out scenes: how often a caption finds its picture first, and a picture its caption."""
    from transformers import CLIPVisionModelWithProjection

    vision = CLIPVisionModelWithProjection.from_pretrained(vision_folder, dtype=torch.float32).eval()
    projection = load_file(vision_folder / "text_projection.safetensors")["text_projection.weight"].float()
    scenes = draw_scenes(count, held_out=True, two_objects=0.5, seed=3)
    rng = np.random.default_rng([SEED, 4])
    ids = tokenize(pipeline.tokenizer, [describe(scene, rng) for scene in scenes])
    text = pipeline.text_encoder(ids.to(pipeline.text_encoder.device)).pooler_output.cpu() @ projection.T
    images = vision(to_unit_range(paint_all(scenes, 5))).image_embeds
    similarity = F.normalize(text, dim=1) @ F.normalize(images, dim=1).T
    own = torch.arange(count)
    by_caption, by_picture = (
        Share(int((ranking.argmax(dim=1) == own).sum()), count) for ranking in (similarity, similarity.T)
    )
    return by_caption, by_picture


@torch.inference_mode()
def coupling_figures(pipeline: Any, pairs: int = 200) -> dict[str, float]:
    """On pairs of held-out captions: W_2 / RMS Frobenius, share of rows moved, random / identity length."""
    scenes = draw_scenes(2 * pairs, held_out=True, two_objects=0.5, seed=6)
    rng = np.random.default_rng([SEED, 7])
    ids = tokenize(pipeline.tokenizer, [describe(scene, rng) for scene in scenes])
    rows = pipeline.text_encoder(ids.to(pipeline.text_encoder.device)).last_hidden_state.float().cpu()
    clouds = [PointCloud(matrix) for matrix in rows]
    figures = []
    for a, b in zip(clouds[::2], clouds[1::2], strict=True):
        identity = rms_frobenius(a, b)
        random = transport_cost(a, b, random_coupling(a, b))
        figures.append((wasserstein(a, b) / identity, optimal_coupling(a, b).share_moved, random / identity))
    names = ("W_2 / RMS Frobenius", "share of rows moved", "random / identity length")
    return dict(zip(names, np.mean(figures, axis=0).tolist(), strict=True))
