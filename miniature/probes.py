"""What a training is asked on the way: is the loss near what the captions allow, and what does the judge see?"""

from collections.abc import Callable, Collection
from dataclasses import replace
from itertools import islice, repeat
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL

from whichway.miniature.captions import plain_caption
from whichway.miniature.judge import NOT_ASKED, Judge, right_answers
from whichway.miniature.painter import paint
from whichway.miniature.train_autoencoder import to_unit_range
from whichway.miniature.world import OBJECTS, Scene, sample_scene

SEED = 31


@torch.inference_mode()
def noise_floors(autoencoder: AutoencoderKL, count: int = 512) -> dict[str, float]:
    """The least loss at pure noise for a denoiser that reads this much from captions, and no more.

    At zero SNR the v-prediction's target is −x_0, and the best prediction the mean over all pictures x_0 of what is
    known; its error is their variance, half the mean squared difference of two independent pictures of it.
    """
    rng = np.random.default_rng(SEED)
    scenes = [sample_scene(rng) for _ in range(count)]
    other_of: dict[str, Callable[[Scene], Scene]] = {
        "background": lambda scene: replace(sample_scene(rng), background=scene.background),
        "background, layout, size": lambda scene: replace(scene, objects=_other_objects(scene, rng)),
        "scene": lambda scene: scene,
    }
    latents = _latents(autoencoder, scenes, rng)
    return {
        known: round((latents - _latents(autoencoder, [other(s) for s in scenes], rng)).square().mean().item() / 2, 4)
        for known, other in other_of.items()
    }


def _other_objects(scene: Scene, rng: np.random.Generator) -> tuple[str, ...]:
    return tuple(str(name) for name in rng.choice(OBJECTS, size=len(scene.objects), replace=False))


def _latents(autoencoder: AutoencoderKL, scenes: list[Scene], rng: np.random.Generator) -> torch.Tensor:
    pictures = to_unit_range(np.stack([paint(scene, rng) for scene in scenes])).to(autoencoder.device)
    means = torch.cat([autoencoder.encode(part).latent_dist.mean for part in pictures.split(64)])
    return means * autoencoder.config.scaling_factor


def judge_samples(
    pipeline: Any,
    judge: Judge,
    count: int = 64,
    steps: int = 20,
    guidance: float = 3.0,
    objects: Collection[str] = OBJECTS,
) -> dict:
    """Shares of questions that the judge answers as the captions say, on ``count`` scenes of each kind (trained)."""
    shares: dict[str, float] = {}
    for kind, two_objects in (("one", 0.0), ("two", 1.0)):
        rng = np.random.default_rng([SEED, int(two_objects)])
        drawn = (sample_scene(rng, two_objects=two_objects) for _ in repeat(None))
        scenes = list(islice((scene for scene in drawn if set(scene.objects) <= set(objects)), count))
        images = pipeline(
            [plain_caption(scene) for scene in scenes],
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=[torch.Generator("cpu").manual_seed(index) for index in range(count)],
            output_type="np",
        ).images
        seen, right = judge.answer((images * 255).round().astype(np.uint8)), right_answers(scenes)
        agrees = {
            question: seen[question] == right[question] for question in right if (right[question] != NOT_ASKED).all()
        }
        agrees["objects"] = agrees["first"] & agrees["second"]
        shares |= {f"{kind}: {question}": round(float(values.mean()), 4) for question, values in agrees.items()}
    return shares
