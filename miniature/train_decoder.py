"""Stage (d): the autoencoder's decoder, trained on with the encoder frozen, as was done for Stable Diffusion's.

The latents stay what they are, so the denoiser is not touched (compare stabilityai/sd-vae-ft-mse). Squared error counts
more than before: the blur is learned, what is left are the edges.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from miniature.train_autoencoder import ARCHITECTURE, draw_pictures, to_unit_range
from miniature.training import Draw, Stage, train

STAGE = Stage("decoder", steps=3_000, learning_rate=1e-3, model=ARCHITECTURE, ema_decay=0.998)
BATCH = 16


def decoding_loss(autoencoder: AutoencoderKL, draw: Draw) -> torch.Tensor:
    """L1 + 10·MSE of decoded posterior means, which is what the denoiser learns to make."""
    _, rng, _ = draw
    wanted = to_unit_range(draw_pictures(rng, BATCH)).to(autoencoder.device)
    with torch.no_grad():
        latents = autoencoder.encode(wanted.to(memory_format=torch.channels_last)).latent_dist.mean
    seen = autoencoder.decode(latents).sample.float()
    return F.l1_loss(seen, wanted) + 10 * F.mse_loss(seen, wanted)


def train_decoder(checkpoints: Path, model: Path, *, compiled: bool = False) -> None:
    """Train and export the decoder of the autoencoder in ``model``."""
    there = AutoencoderKL.from_pretrained(model / "vae", torch_dtype=torch.float32)
    # A model of its own: the loaded one would write the folder's path on this machine into the configuration.
    settings = {name: value for name, value in there.config.items() if name != "_name_or_path"}
    autoencoder = AutoencoderKL.from_config(settings)
    autoencoder.load_state_dict(there.state_dict())
    autoencoder.to(memory_format=torch.channels_last)
    for part in (autoencoder.encoder, autoencoder.quant_conv):
        part.requires_grad_(False)
    if compiled:
        autoencoder.decoder.compile()
    autoencoder = train(STAGE, autoencoder, decoding_loss, checkpoints)
    autoencoder.cpu().half().save_pretrained(model / "vae")
