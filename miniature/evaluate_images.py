"""Does the miniature draw what its captions say? Generated images under the judge."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from tqdm.auto import trange

from whichway.miniature.captions import plain_caption
from whichway.miniature.evaluate_parts import SEED, Share
from whichway.miniature.judge import ANSWERS, NOT_ASKED, Judge, right_answers
from whichway.miniature.world import OBJECTS, Scene


def generate(
    pipeline: Any, scenes: Sequence[Scene], *, steps: int, guidance: float, batch: int = 16
) -> tuple[np.ndarray, float]:
    """Images of the scenes' plain captions, (n, 64, 64, 3) uint8, each of its own noise, and seconds for each."""
    images, started = [], time.perf_counter()
    for first in trange(0, len(scenes), batch, desc=f"images, guidance {guidance:g}, {steps} steps", leave=False):
        captions = [plain_caption(scene) for scene in scenes[first : first + batch]]
        generators = [torch.Generator("cpu").manual_seed(SEED + first + index) for index in range(len(captions))]
        images.append(
            pipeline(
                captions,
                num_inference_steps=steps,
                guidance_scale=guidance,
                generator=generators,
                output_type="np",
            ).images
        )
    seconds = (time.perf_counter() - started) / len(scenes)
    return (np.concatenate(images) * 255).round().astype(np.uint8), seconds


def judged(judge: Judge, pictures: np.ndarray, scenes: Sequence[Scene]) -> dict[str, Share]:
    """How often the judge sees what the scene says: each question, all objects at once; and how often one is doubled.

    "drawn twice": the judge sees the same object in both places of a pair, which no scene has.
    """
    answers, right = judge.answer(pictures), right_answers(scenes)
    shares = {}
    for question in right:
        asked = right[question] != NOT_ASKED
        if asked.any():
            agree = answers[question] == right[question]
            shares[question] = Share(int(agree[asked].sum()), int(asked.sum()))
    both = (answers["first"] == right["first"]) & (answers["second"] == right["second"])
    return shares | {
        "objects": Share(int(both.sum()), len(scenes)),
        "drawn twice": Share(int(_drawn_twice(answers).sum()), len(scenes)),
    }


def _drawn_twice(answers: dict[str, np.ndarray]) -> np.ndarray:
    names = [np.array(ANSWERS[question], dtype=object)[answers[question]] for question in ("first", "second")]
    is_pair = answers["arrangement"] != ANSWERS["arrangement"].index(None)
    return is_pair & (names[0] == names[1])


def worst_confusions(
    judge: Judge, pictures: np.ndarray, scenes: Sequence[Scene], count: int = 10
) -> list[tuple[str, str, Share]]:
    """Of scenes of one object: (asked, drawn instead, how often), the commonest first."""
    drawn = [OBJECTS[index] for index in judge.answer(pictures)["first"]]
    asked = Counter(scene.objects[0] for scene in scenes)
    wrong = Counter(
        (scene.objects[0], name) for scene, name in zip(scenes, drawn, strict=True) if scene.objects[0] != name
    )
    return [(name, instead, Share(times, asked[name])) for (name, instead), times in wrong.most_common(count)]
