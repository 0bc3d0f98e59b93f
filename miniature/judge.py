"""A judge of pictures: says which scene one shows. Trained on painted scenes only; it never sees a generated image.

It answers for both kinds of scenes: the arrangement (one object, or two side by side or stacked), the object in each
place, the background, and the size and position of a single object. How sure it is tells a picture of the world from
one that is none: :meth:`Judge.confidence`.

``python -m whichway.miniature.judge`` trains it, or takes the trained one from the checkpoints, and writes the file
that is shipped. Measurements made with another judge are other measurements: ship a new one with new records only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from whichway.miniature import CHECKPOINTS
from whichway.miniature.painter import paint
from whichway.miniature.train_autoencoder import to_unit_range
from whichway.miniature.training import Draw, Stage, pick_device, train
from whichway.miniature.world import BACKGROUNDS, OBJECTS, POSITIONS, RELATIONS, SIZES, Scene, sample_scene

#: the trained judge, as float16
FILE = Path(__file__).parent / "judge.safetensors"
#: question -> possible answers
ANSWERS: dict[str, tuple[str | None, ...]] = {
    "arrangement": (None, *RELATIONS),
    "first": OBJECTS,
    "second": (None, *OBJECTS),
    "background": BACKGROUNDS,
    "size": SIZES,
    "position": POSITIONS,
}
NOT_ASKED = -100  # cross-entropy's own mark for a target that does not count
WIDTHS = [32, 64, 128, 192]
BATCH = 64
DRAWN_TWICE = 0.1  # share of the pairs
STAGE = Stage("judge", steps=1_800, learning_rate=2e-3, batch=BATCH, model={"widths": WIDTHS}, ema_decay=0.995)


class Judge(nn.Module):
    """Four strided convolution blocks and one linear layer for each question; pictures (b, 3, 64, 64) in [-1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for before, after in zip([3, *WIDTHS[:-1]], WIDTHS, strict=True):
            blocks += [nn.Conv2d(before, after, 5, stride=2, padding=2), nn.GroupNorm(8, after), nn.SiLU()]
            blocks += [nn.Conv2d(after, after, 3, padding=1), nn.GroupNorm(8, after), nn.SiLU()]
        self.trunk = nn.Sequential(*blocks, nn.Flatten(), nn.Dropout(0.2))
        features = WIDTHS[-1] * 4 * 4
        self.heads = nn.ModuleDict({name: nn.Linear(features, len(answers)) for name, answers in ANSWERS.items()})

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """Logits (b, answers) for each question."""
        features = self.trunk(pictures)
        return {name: head(features) for name, head in self.heads.items()}

    @torch.inference_mode()
    def answer(self, pictures: np.ndarray) -> dict[str, np.ndarray]:
        """Index of the best answer to each question, (b,); pictures (b, 64, 64, 3) uint8."""
        device = next(self.parameters()).device
        logits = self(to_unit_range(pictures).to(device))
        return {name: values.argmax(dim=1).cpu().numpy() for name, values in logits.items()}

    def scenes(self, pictures: np.ndarray) -> list[Scene]:
        """The scene that the best answers name, (b,); an object seen twice is one object. Pictures as above."""
        indices = self.answer(pictures)
        named = [{name: ANSWERS[name][of[place]] for name, of in indices.items()} for place in range(len(pictures))]
        return [_named_scene(answers) for answers in named]

    @torch.inference_mode()
    def confidence(self, pictures: np.ndarray) -> np.ndarray:
        """Probability of the likeliest scene that a picture may show, (b,); pictures (b, 64, 64, 3) uint8.

        A scene's probability is the product of its answers' (the judge's training loss is its negative logarithm): of
        all scenes of the world, one object with size and position or two different ones, the largest. Near 1 on
        painted scenes; between two scenes, or on what is none, the answers are divided and the product is small.
        """
        logits = self(to_unit_range(pictures).to(next(self.parameters()).device))
        likely = {name: values.double().softmax(dim=1) for name, values in logits.items()}
        best = {name: values.amax(dim=1) for name, values in likely.items()}
        alone = likely["arrangement"][:, 0] * likely["second"][:, 0]
        one = alone * best["first"] * best["background"] * best["size"] * best["position"]
        both = likely["first"][:, :, None] * likely["second"][:, None, 1:]
        both.diagonal(dim1=1, dim2=2).zero_()  # no scene has an object twice
        two = likely["arrangement"][:, 1:].amax(dim=1) * both.amax(dim=(1, 2)) * best["background"]
        return torch.maximum(one, two).cpu().numpy()


def _named_scene(answers: Mapping[str, Any]) -> Scene:
    first, second, background = answers["first"], answers["second"], answers["background"]
    if answers["arrangement"] is None or second in (None, first):
        return Scene((first,), background, answers["size"], answers["position"])
    return Scene((first, second), background, relation=answers["arrangement"])


def right_answers(scenes: Sequence[Scene]) -> dict[str, np.ndarray]:
    """Index of the true answer to each question, (b,), ``NOT_ASKED`` where a question makes no sense."""

    def answers(scene: Scene) -> dict[str, str | None]:
        pair = scene.relation is not None
        said = {
            "arrangement": scene.relation,
            "first": scene.objects[0],
            "second": scene.objects[1] if pair else None,
            "background": scene.background,
        }
        return said if pair else said | {"size": scene.size, "position": scene.position}

    told = [answers(scene) for scene in scenes]
    return {
        name: np.array([known.index(said[name]) if name in said else NOT_ASKED for said in told])
        for name, known in ANSWERS.items()
    }


def judged_scene(rng: np.random.Generator) -> Scene:
    """Any scene, held-out combinations included, and now and then one object drawn twice, which no caption asks for."""
    scene = sample_scene(rng, held_out=None, two_objects=0.5)
    if scene.relation is not None and rng.random() < DRAWN_TWICE:
        return replace(scene, objects=(scene.objects[0],) * 2)
    return scene


def judging_loss(judge: Judge, draw: Draw) -> torch.Tensor:
    """Cross-entropy over all questions."""
    _, rng, _ = draw
    scenes = [judged_scene(rng) for _ in range(BATCH)]
    pictures = to_unit_range(np.stack([paint(scene, rng) for scene in scenes]))
    device = next(judge.parameters()).device
    logits = judge(pictures.to(device))
    right = {name: torch.from_numpy(answers).to(device) for name, answers in right_answers(scenes).items()}
    losses = [F.cross_entropy(logits[name].float(), right[name], ignore_index=NOT_ASKED) for name in ANSWERS]
    return torch.stack(losses).sum()


def train_judge(checkpoints: Path) -> Judge:
    """Train the judge, or take the trained one from ``checkpoints``."""
    torch.manual_seed(STAGE.seed)
    return train(STAGE, Judge(), judging_loss, checkpoints).to(pick_device()).eval()


@cache
def load_judge() -> Judge:
    """The judge that is shipped, on the CPU."""
    judge = Judge()
    judge.load_state_dict({name: tensor.float() for name, tensor in load_file(FILE).items()})
    return judge.eval().requires_grad_(False)


@click.command(context_settings={"show_default": True})
@click.option("--checkpoints", default=CHECKPOINTS, type=click.Path(path_type=Path), help="Where its training is kept.")
@click.option("--out", default=FILE, type=click.Path(path_type=Path), help="The safetensors file.")
def main(checkpoints: Path, out: Path) -> None:
    """Train the judge, or take the trained one, and write the file that is shipped."""
    judge = train_judge(checkpoints)
    save_file({name: tensor.cpu().half().contiguous() for name, tensor in judge.state_dict().items()}, out)
    out.chmod(0o644)  # safetensors writes for its owner alone
    click.echo(out)


if __name__ == "__main__":
    main()
