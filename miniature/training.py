"""The one training loop that all stages share: AdamW, a trapezoid learning rate, EMA weights, a log, resumable.

Step k draws its data and noise from generators seeded with (seed, k), so a run that was killed and resumed sees what
an uninterrupted one would have seen.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm.auto import tqdm

from whichway.miniature.checkpoint import load_checkpoint, save_checkpoint

M = TypeVar("M", bound=torch.nn.Module)
Draw = tuple[int, np.random.Generator, torch.Generator]
#: a loss, or a loss and other values for the log
Loss = torch.Tensor | tuple[torch.Tensor, dict[str, torch.Tensor]]
LOGGED_EVERY = 100  # steps


@dataclass(frozen=True)
class Stage:
    """Settings of one stage. The ``model`` entry says which architecture a checkpoint belongs to."""

    name: str
    steps: int
    learning_rate: float
    batch: int = 0
    model: dict = field(default_factory=dict)
    betas: tuple[float, float] = (0.9, 0.999)
    ema_decay: float = 0.999
    weight_decay: float = 0.01
    warmup: int = 100
    cooldown: float = 0.2  # share of the steps over which the rate falls linearly to zero
    seed: int = 0

    @property
    def configuration(self) -> dict:
        """What a checkpoint is bound to. Not the number of steps: a longer training continues a shorter one."""
        return {key: value for key, value in asdict(self).items() if key not in {"steps", "cooldown"}}

    def of_length(self, steps: int) -> "Stage":
        """The same stage, longer or shorter: a checkpoint of one continues as the other."""
        return replace(self, steps=steps)

    def rate(self, step: int) -> float:
        """Learning rate at a step, as a share of ``learning_rate``: up, flat, down.

        Flat in the middle, so that training can be extended from a checkpoint without having annealed in vain.
        """
        down = max(1, round(self.steps * self.cooldown))
        return min(1.0, (step + 1) / self.warmup, max(0.0, (self.steps - step) / down))


def pick_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the device has instructions for bfloat16 products.

    Processors without them (AVX-512 BF16 or AMX) emulate: a training step is then 10 to 20 times slower than float32's.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def train(
    stage: Stage,
    module: M,
    loss_of: Callable[[M, Draw], Loss],
    folder: Path,
    *,
    head: dict | None = None,
    probe: Callable[[M], dict] | None = None,
    probed_every: int = 1_000,
    checkpoint_seconds: float = 120,
) -> M:
    """Train ``module`` on ``loss_of(module, (step, numpy rng, torch generator))``; returns the EMA weights' module.

    Resumes from ``folder/<stage name>.safetensors`` where that exists, and writes it every ``checkpoint_seconds``, on
    Ctrl-C and at the end. ``head``, means of the losses, and every ``probed_every`` steps what ``probe`` says of the
    EMA weights, go to ``folder/<stage name>.jsonl``, one record a line.

    Raises:
        ValueError: a checkpoint of another configuration, or another process that trains this stage in this folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        alone = FileLock(folder / f".{stage.name}.lock").acquire(timeout=0)
    except Timeout as error:  # each would write its checkpoints over the other's
        raise ValueError(
            f"another process trains {stage.name!r} in {str(folder)!r}; wait for it, or stop it"
        ) from error
    with alone:
        return _train(stage, module, loss_of, folder, head, probe, probed_every, checkpoint_seconds)


def _train(
    stage: Stage,
    module: M,
    loss_of: Callable[[M, Draw], Loss],
    folder: Path,
    head: dict | None,
    probe: Callable[[M], dict] | None,
    probed_every: int,
    checkpoint_seconds: float,
) -> M:
    device = pick_device()
    bfloat16 = multiplies_bfloat16(device)
    module = module.to(device).train()
    average = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(stage.ema_decay))
    optimizer = torch.optim.AdamW(
        module.parameters(), lr=stage.learning_rate, betas=stage.betas, weight_decay=stage.weight_decay, fused=True
    )
    path = folder / f"{stage.name}.safetensors"
    config = stage.configuration
    first = _restore(path, config, module, average, optimizer) if path.is_file() else 0
    log = TrainingLog(folder / f"{stage.name}.jsonl", stage, first)
    if head is not None:
        log.head(head)

    def save(step: int) -> None:
        save_checkpoint(path, _state(module, average, optimizer), step=step, config=config)

    done, saved_at = first, time.monotonic()
    bar = tqdm(range(first, stage.steps), initial=first, total=stage.steps, desc=stage.name, mininterval=2)
    try:
        for step in bar:
            for group in optimizer.param_groups:
                group["lr"] = stage.learning_rate * stage.rate(step)
            generator = torch.Generator().manual_seed(stage.seed * 1_000_003 + step)
            with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                loss = loss_of(module, (step, np.random.default_rng([stage.seed, step]), generator))
            loss, parts = loss if isinstance(loss, tuple) else (loss, {})
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
            average.update_parameters(module)
            done = step + 1
            bar.set_postfix(log.add(done, {"loss": loss.detach()} | parts), refresh=False)
            if probe is not None and (done % probed_every == 0 or done == stage.steps):
                log.write(done, probe(average.module.eval()))  # type: ignore[arg-type]
            if time.monotonic() - saved_at > checkpoint_seconds:
                save(done)
                saved_at = time.monotonic()
    finally:
        if done > first:
            save(done)
    averaged: M = average.module  # type: ignore[assignment]
    return averaged.eval()


class TrainingLog:
    """Means of the losses over the last ``LOGGED_EVERY`` steps, and what else was measured, as lines of JSON.

    Of a training that was resumed since, the means are over the steps from there on.
    """

    def __init__(self, path: Path, stage: Stage, first: int) -> None:
        """``first``: the step that training continues from; what was logged of later ones is dropped."""
        self.path, self.batch = path, stage.batch
        self.sums: dict[str, torch.Tensor] = {}
        self.first = first
        self.means: dict[str, str] = {}
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        kept = [line for line in lines if json.loads(line)["step"] <= first]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")

    def add(self, step: int, losses: dict[str, torch.Tensor]) -> dict[str, str]:
        """Add a step's losses; the means that were last written."""
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0) + value
        if step % LOGGED_EVERY == 0:
            means = {name: round(float(total) / (step - self.first), 4) for name, total in self.sums.items()}
            self.first, self.sums, self.means = step, {}, {name: f"{mean:.4f}" for name, mean in means.items()}
            self.write(step, means)
        return self.means

    def head(self, values: dict) -> None:
        """Begin a new log with what is known before the first step."""
        if not self.path.stat().st_size:
            self.write(0, values)

    def write(self, step: int, values: dict) -> None:
        record = {"step": step} | ({"images": step * self.batch} if self.batch else {}) | values
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


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
