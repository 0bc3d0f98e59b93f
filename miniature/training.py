"""The one training loop that all three stages share: AdamW, a trapezoid learning rate, EMA weights, resumable.

Step k draws its data and noise from generators seeded with (seed, k), so a run that was killed and resumed sees what
an uninterrupted one would have seen.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm.auto import tqdm

from miniature.checkpoint import load_checkpoint, save_checkpoint

M = TypeVar("M", bound=torch.nn.Module)
Draw = tuple[int, np.random.Generator, torch.Generator]


@dataclass(frozen=True)
class Stage:
    """Settings of one stage. The ``model`` entry says which architecture a checkpoint belongs to."""

    name: str
    steps: int
    learning_rate: float
    model: dict = field(default_factory=dict)
    ema_decay: float = 0.999
    weight_decay: float = 0.01
    warmup: int = 100
    cooldown: float = 0.2  # share of the steps over which the rate falls linearly to zero
    seed: int = 0

    @property
    def configuration(self) -> dict:
        """What a checkpoint is bound to. Not the number of steps: a longer training continues a shorter one."""
        return {key: value for key, value in asdict(self).items() if key not in {"steps", "cooldown"}}

    def rate(self, step: int) -> float:
        """Learning rate at a step, as a share of ``learning_rate``: up, flat, down.

        Flat in the middle, so that training can be extended from a checkpoint without having annealed in vain.
        """
        down = max(1, round(self.steps * self.cooldown))
        return min(1.0, (step + 1) / self.warmup, max(0.0, (self.steps - step) / down))


def pick_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(
    stage: Stage,
    module: M,
    loss_of: Callable[[M, Draw], torch.Tensor],
    folder: Path,
    checkpoint_seconds: float = 120,
) -> M:
    """Train ``module`` on ``loss_of(module, (step, numpy rng, torch generator))``; returns the EMA weights' module.

    Resumes from ``folder/<stage name>.safetensors`` where that exists, and writes it every ``checkpoint_seconds``, on
    Ctrl-C and at the end.
    """
    device = pick_device()
    module = module.to(device).train()
    average = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(stage.ema_decay))
    optimizer = torch.optim.AdamW(
        module.parameters(), lr=stage.learning_rate, weight_decay=stage.weight_decay, fused=True
    )
    path = folder / f"{stage.name}.safetensors"
    config = stage.configuration
    first = _restore(path, config, module, average, optimizer) if path.is_file() else 0

    def save(step: int) -> None:
        save_checkpoint(path, _state(module, average, optimizer), step=step, config=config)

    done, saved_at, smooth = first, time.monotonic(), None
    bar = tqdm(range(first, stage.steps), initial=first, total=stage.steps, desc=stage.name, mininterval=2)
    try:
        for step in bar:
            for group in optimizer.param_groups:
                group["lr"] = stage.learning_rate * stage.rate(step)
            generator = torch.Generator().manual_seed(stage.seed * 1_000_003 + step)
            with torch.autocast(device.type, torch.bfloat16):
                loss = loss_of(module, (step, np.random.default_rng([stage.seed, step]), generator))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
            average.update_parameters(module)
            done = step + 1
            smooth = loss.item() if smooth is None else 0.99 * smooth + 0.01 * loss.item()
            bar.set_postfix(loss=f"{smooth:.4f}", refresh=False)
            if time.monotonic() - saved_at > checkpoint_seconds:
                save(done)
                saved_at = time.monotonic()
    finally:
        if done > first:
            save(done)
    averaged: M = average.module  # type: ignore[assignment]
    return averaged.eval()


def _state(module: torch.nn.Module, average: AveragedModel, optimizer: torch.optim.Optimizer) -> dict:
    state = {f"module.{name}": tensor for name, tensor in module.state_dict().items()}
    state |= {f"average.{name}": tensor for name, tensor in average.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        state |= {f"optimizer.{index}.{name}": tensor for name, tensor in moments.items()}
    return state


def _restore(
    path: Path, config: dict, module: torch.nn.Module, average: AveragedModel, optimizer: torch.optim.Optimizer
) -> int:
    state, step = load_checkpoint(path, config=config)

    def part(prefix: str) -> dict:
        return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}

    module.load_state_dict(part("module."))
    average.load_state_dict(part("average."))
    moments: dict[int, dict] = {}
    for name, tensor in part("optimizer.").items():
        index, moment = name.split(".")
        moments.setdefault(int(index), {})[moment] = tensor
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    return step
