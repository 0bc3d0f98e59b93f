"""Stage (a): the autoencoder, pictures of 64×64 to latents of 16×16×8 and back.

With 4 latent channels it stayed below 28 dB however long it was trained, and training its decoder alone gained nothing:
the detail that was missing had never reached the latents.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from whichway.miniature.painter import RESOLUTION, paint
from whichway.miniature.training import Draw, Stage, train
from whichway.miniature.world import sample_scene

ARCHITECTURE = {
    "down_block_types": ["DownEncoderBlock2D"] * 3,
    "up_block_types": ["UpDecoderBlock2D"] * 3,
    "block_out_channels": [24, 48, 96],
    "layers_per_block": 1,
    "latent_channels": 8,
    "norm_num_groups": 8,
    "mid_block_add_attention": False,
    "sample_size": RESOLUTION,
}
STAGE = Stage("autoencoder", steps=5_000, learning_rate=2e-3, model=ARCHITECTURE, ema_decay=0.998)
KL_WEIGHT = 2e-6  # on the sum over the latent's entries, as Stable Diffusion's: a whisper, not a bottleneck
CROP = 32  # the textures are local: crops cost a quarter per picture and lose nothing in the first part of training
CROPS_UNTIL = 0.7


def to_unit_range(pictures: np.ndarray) -> torch.Tensor:
    """(b, h, w, 3) uint8 to (b, 3, h, w) float32 in [-1, 1], the autoencoder's range."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def draw_pictures(rng: np.random.Generator, count: int, crop: int = RESOLUTION) -> np.ndarray:
    """Random scenes, never of held-out combinations; optionally one random crop of each."""
    pictures = []
    for _ in range(count):
        top, left = rng.integers(0, RESOLUTION - crop + 1, size=2)
        pictures.append(paint(sample_scene(rng), rng)[top : top + crop, left : left + crop])
    return np.stack(pictures)


def reconstruction_loss(autoencoder: AutoencoderKL, draw: Draw) -> torch.Tensor:
    """L1 + 5·MSE + 0.5·L1 of the image gradients (sharp edges), and a small Kullback–Leibler term."""
    step, rng, generator = draw
    crop, batch = (CROP, 32) if step < CROPS_UNTIL * STAGE.steps else (RESOLUTION, 16)
    wanted = to_unit_range(draw_pictures(rng, batch, crop)).to(autoencoder.device)
    posterior = autoencoder.encode(wanted.to(memory_format=torch.channels_last)).latent_dist
    noise = torch.randn(posterior.mean.shape, generator=generator).to(wanted.device)
    seen = autoencoder.decode(posterior.mean + posterior.std * noise).sample.float()
    edges = sum(F.l1_loss(torch.diff(seen, dim=axis), torch.diff(wanted, dim=axis)) for axis in (2, 3))
    return F.l1_loss(seen, wanted) + 5 * F.mse_loss(seen, wanted) + 0.5 * edges + KL_WEIGHT * posterior.kl().mean()


@torch.no_grad()
def measure_scale(autoencoder: AutoencoderKL, count: int = 256) -> float:
    """``scaling_factor``: one over the standard deviation of the latents, so that the UNet sees unit variance."""
    pictures = to_unit_range(draw_pictures(np.random.default_rng(1), count)).to(autoencoder.device)
    return 1 / autoencoder.encode(pictures).latent_dist.mean.std().item()


def train_autoencoder(checkpoints: Path, model: Path) -> None:
    torch.manual_seed(STAGE.seed)
    autoencoder = AutoencoderKL(**ARCHITECTURE).to(memory_format=torch.channels_last)
    autoencoder = train(STAGE, autoencoder, reconstruction_loss, checkpoints)
    autoencoder.register_to_config(scaling_factor=measure_scale(autoencoder))
    autoencoder.cpu().half().save_pretrained(model / "vae")
