"""A training step of the miniature's denoiser against what its arithmetic takes. ``python -m benchmarks.training``

The floor is the time of the step's floating point operations at the rate that one large matrix product reaches on this
machine, in the same dtype. Between them stands the denoiser's forward and backward pass alone.
"""

import tempfile
from pathlib import Path

import click
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import interleaved
from whichway.miniature import MODEL
from whichway.miniature.train_unet import BATCH, DenoisingLoss, build_denoiser, stage
from whichway.miniature.training import multiplies_bfloat16, pick_device, train

STEPS = 10
SIDE = 2048  # of the matrices whose product says how fast this machine multiplies


@click.command(context_settings={"show_default": True})
@click.option("--rounds", default=3, help="Interleaved repetitions.")
@click.option("--batch", default=BATCH, help="Images in a step.")
def main(rounds: int, batch: int) -> None:
    """Ten steps of training, with what draws the batch, the optimizer and the averaged weights."""
    device = pick_device()
    dtype = torch.bfloat16 if multiplies_bfloat16(device) else torch.float32
    unet = build_denoiser(device)
    loss = DenoisingLoss(MODEL, torch.randn(1000, unet.config.in_channels, 16, 16), batch)
    latents = torch.randn(batch, unet.config.in_channels, 16, 16, device=device)
    rows = torch.randn(batch, 77, unet.config.cross_attention_dim, device=device)
    left, right = torch.randn(2, SIDE, SIDE, device=device, dtype=dtype)

    def forward_and_backward() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            prediction = unet(latents.to(memory_format=torch.channels_last), 500, rows).sample
        prediction.float().square().mean().backward()

    def train_ten_steps() -> None:
        with tempfile.TemporaryDirectory() as folder:
            train(stage(batch).of_length(STEPS), unet, loss, Path(folder))

    def ten_passes() -> None:
        for _ in range(STEPS):
            forward_and_backward()

    def multiply() -> None:
        for _ in range(STEPS):
            left @ right

    with FlopCounterMode(display=False) as counter:
        forward_and_backward()
    operations = counter.get_total_flops()
    multiply()
    times = interleaved({"train": train_ten_steps, "passes": ten_passes, "multiply": multiply}, rounds)
    floor = operations / (2 * SIDE**3) * times["multiply"]
    show(times, floor, batch, operations, dtype)


def show(times: dict[str, float], floor: float, batch: int, operations: int, dtype: torch.dtype) -> None:
    table = Table("", "images a second", "× floor")
    table.title = f"Training the denoiser, batches of {batch}, {operations / batch / 1e9:.1f} GFLOP an image, {dtype}"
    for name, value in (
        ("training", times["train"]),
        ("forward and backward alone", times["passes"]),
        ("floor: its operations at the rate of a large product", floor),
    ):
        table.add_row(name, f"{STEPS * batch / value:.0f}", f"{value / floor:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
