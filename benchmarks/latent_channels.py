"""Does a denoiser learn slower on 8 latent channels than on 4? ``python -m benchmarks.latent_channels``, half an hour.

Two autoencoders that differ in nothing but their latent channels, trained alike; on each a denoiser, trained alike on
the same images, captions and noise levels, in a world of fewer objects; the same judge of both.
"""

import json
from functools import partial
from pathlib import Path

import click
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from rich.console import Console
from rich.table import Table

from whichway.miniature import MODEL
from whichway.miniature import train_autoencoder as autoencoders
from whichway.miniature import train_unet as denoisers
from whichway.miniature.evaluate_parts import reconstruction_psnr
from whichway.miniature.judge import Judge, load_judge
from whichway.miniature.probes import judge_samples
from whichway.miniature.training import Stage, pick_device, train
from whichway.miniature.world import OBJECTS

WORLD = OBJECTS[:16]
CHANNELS = (4, 8)
JUDGED = 128  # images of each kind
MEASURES = ("one: objects", "one: position", "one: size", "one: background", "two: objects", "two: arrangement")


@click.command(context_settings={"show_default": True})
@click.option("--out", default=Path("runs/latent-channels"), type=click.Path(path_type=Path), help="Resumable state.")
@click.option("--autoencoder-steps", default=2_500, help="Of 32 crops each.")
@click.option("--images", default=48_000, help="That each denoiser sees.")
@click.option("--probes", default=3, help="How often it is judged on the way.")
def main(out: Path, autoencoder_steps: int, images: int, probes: int) -> None:
    """Judge both denoisers after equal numbers of images."""
    judge = load_judge().to(pick_device())
    table = Table("channels", "PSNR", "images", *MEASURES)
    for channels in CHANNELS:
        folder = out / f"{channels}-channels"
        autoencoder = train_autoencoder(channels, autoencoder_steps, folder)
        unet = train_denoiser(autoencoder, images, probes, folder, judge)
        psnr = f"{reconstruction_psnr(assemble(unet, autoencoder)):.1f} dB"
        for record in map(json.loads, (folder / "unet.jsonl").read_text(encoding="utf-8").splitlines()):
            if MEASURES[0] in record:
                shares = [f"{record[measure]:.0%}" for measure in MEASURES]
                table.add_row(str(channels), psnr, f"{record['images']:,}", *shares)
    Console().print(table)


def train_autoencoder(channels: int, steps: int, folder: Path) -> AutoencoderKL:
    architecture = autoencoders.ARCHITECTURE | {"latent_channels": channels}
    stage = Stage("autoencoder", steps=steps, learning_rate=2e-3, model=architecture, ema_decay=0.998)
    torch.manual_seed(0)
    autoencoder = AutoencoderKL(**architecture).to(memory_format=torch.channels_last)
    autoencoder = train(stage, autoencoder, autoencoders.reconstruction_loss, folder)
    autoencoder.register_to_config(scaling_factor=autoencoders.measure_scale(autoencoder))
    return autoencoder


def train_denoiser(
    autoencoder: AutoencoderKL, images: int, probes: int, folder: Path, judge: Judge
) -> UNet2DConditionModel:
    channels = autoencoder.config.latent_channels
    architecture = denoisers.ARCHITECTURE | {"in_channels": channels, "out_channels": channels}
    steps = images // denoisers.BATCH
    stage = Stage(
        "unet", steps, 1e-3, batch=denoisers.BATCH, model=architecture, betas=(0.9, 0.99), ema_decay=0.995, cooldown=0.3
    )
    scenes = [index for index in range(denoisers.SCENES) if set(denoisers.training_scene(index).objects) <= set(WORLD)]
    loss = denoisers.DenoisingLoss(MODEL, denoisers.encode_scenes(autoencoder, scenes), denoisers.BATCH, scenes)
    torch.manual_seed(0)
    unet = denoisers.build_denoiser(pick_device(), architecture)
    probe = partial(judge_denoiser, autoencoder=autoencoder, judge=judge)
    return train(stage, unet, loss, folder, probe=probe, probed_every=steps // probes)


def judge_denoiser(unet: UNet2DConditionModel, autoencoder: AutoencoderKL, judge: Judge) -> dict[str, float]:
    return judge_samples(assemble(unet, autoencoder), judge, JUDGED, objects=WORLD)


def assemble(unet: UNet2DConditionModel, autoencoder: AutoencoderKL) -> StableDiffusionPipeline:
    pipeline = denoisers.assemble(unet, MODEL)
    pipeline.register_modules(vae=autoencoder)
    return pipeline


if __name__ == "__main__":
    main()
