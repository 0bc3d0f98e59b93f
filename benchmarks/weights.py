"""What a word's weight does, and what becomes of long prompts: ``python -m benchmarks.weights``, ten minutes.

On the miniature, whose judge says which objects it sees. Writes the records that ``figures/weights.py`` draws.

Weights: pictures of two objects, one of which is weighted from ¼ to 4, as mass and by its rows. How sure is the judge
that it is there, and how far does the half of the picture move that shows the other object?

Where words are heard: the same pictures without the object's own rows, and from the end token and the padding alone.
And how large or small must a mass be, until it is seen?

Long prompts: an object that is named at the end only, behind 60 to 150 tokens about the background, read in chunks or
cut off; and a prompt that fills its encoder, and then gets one more word, which begins a chunk: how far does that move
the picture, against one more word where there still is room? And one more word behind BREAK, of a short prompt?
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from tqdm.auto import tqdm

from whichway import Model, Sampling, load_model, perceptual_distance
from whichway.analysis.models.versions import versions
from whichway.analysis.vocabulary import CHUNK_MASSES, WORD_WEIGHTS
from whichway.geometry import PointCloud
from whichway.miniature.captions import choose_phrases, plain_caption
from whichway.miniature.judge import ANSWERS, load_judge, to_unit_range
from whichway.miniature.world import Scene, sample_scene

WEIGHTS = (0.25, 0.354, 0.5, 0.707, 1.0, 1.414, 2.0, 2.828, 4.0)
WIDE = (1e-8, 1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4)  # as mass alone
LENGTHS = (60, 75, 90, 110, 130, 150)  # tokens, special ones included
ROOM = 30  # tokens of the prompt that gets one more word where there is room


def scenes(count: int, *, objects: int, seed: int) -> Iterator[Scene]:
    """Different scenes of so many objects, with backgrounds of one colour or of scenery."""
    rng, seen = np.random.default_rng(seed), set()
    while len(seen) < count:
        scene = sample_scene(rng, held_out=False, two_objects=float(objects == 2))
        if scene not in seen and scene.background != "white":
            seen.add(scene)
            yield scene


def probability_of(thing: str, pictures: np.ndarray) -> np.ndarray:
    """That the judge sees it in a picture, as the first object or as the second."""
    with torch.inference_mode():
        logits = load_judge()(to_unit_range(pictures))
    first, second = (
        logits[name].double().softmax(dim=1)[:, ANSWERS[name].index(thing)] for name in ("first", "second")
    )
    return (1 - (1 - first) * (1 - second)).numpy()


def half_of(place: int, scene: Scene, pictures: np.ndarray) -> np.ndarray:
    """The half of the pictures in which the first (0) or the second (1) object belongs."""
    axis = 2 if scene.relation == "left of" else 1
    return np.split(pictures, 2, axis=axis)[place]


def moved(pictures: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Root mean square change of a pixel, in levels of 255."""
    return np.sqrt(((pictures.astype(float) - reference.astype(float)) ** 2).mean(axis=(1, 2, 3)))


def weighted(caption: str, thing: str, weight: float) -> str:
    return re.sub(rf"\b{thing}\b", f"({thing}:{weight})", caption, count=1)


def weight_records(model: Model, steps: int, count: int) -> list[dict[str, Any]]:
    return word_records(model, steps, count, WEIGHTS, [*WORD_WEIGHTS])


def wide_records(model: Model, steps: int, count: int) -> list[dict[str, Any]]:
    return word_records(model, steps, count, WIDE, ["mass"])


def word_records(
    model: Model, steps: int, count: int, weights: Sequence[float], conventions: Sequence[str]
) -> list[dict[str, Any]]:
    readers = {name: load_model(model.pipeline, syntax="weighted", word_weights=name) for name in conventions}
    records = []
    for seed, scene in enumerate(tqdm([*scenes(count, objects=2, seed=1)], "scenes")):
        place = seed % 2
        thing, other = scene.objects[place], scene.objects[1 - place]
        prompts = [weighted(plain_caption(scene), thing, weight) for weight in weights]
        for name, reader in readers.items():
            pictures = reader.render(reader.encode(prompts), Sampling(seed=seed, num_inference_steps=steps))
            own, rest = (half_of(which, scene, pictures) for which in (place, 1 - place))
            middle = weights.index(1.0)
            records.append(
                {
                    "scene": asdict(scene),
                    "thing": thing,
                    "seed": seed,
                    "word_weights": name,
                    "confidence": probability_of(thing, pictures).tolist(),
                    "confidence_in_other": probability_of(other, pictures).tolist(),
                    "own_half_moved": moved(own, own[[middle]]).tolist(),
                    "other_half_moved": moved(rest, rest[[middle]]).tolist(),
                }
            )
    return records


def where_records(model: Model, steps: int, count: int) -> list[dict[str, Any]]:
    """Which rows say what is in the picture."""
    records = []
    for seed, scene in enumerate(tqdm([*scenes(count, objects=2, seed=1)], "where")):
        place = seed % 2
        thing = scene.objects[place]
        reader = load_model(model.pipeline, syntax="weighted")
        [heavy] = reader.encode([weighted(plain_caption(scene), thing, 2)])
        cloud = PointCloud(heavy.cloud.rows, size=heavy.cloud.size)
        named = heavy.cloud.weights > heavy.cloud.weights.min() * 1.5
        after = torch.arange(len(cloud)) >= cloud.size - 1
        chosen = {"all rows": named | ~named, "without the object's": ~named, "end token and padding": after}
        clouds = [cloud.take(torch.nonzero(rows).flatten()) for rows in chosen.values()]
        pictures = model.render(clouds, Sampling(seed=seed, num_inference_steps=steps))
        records.append(
            {
                "scene": asdict(scene),
                "thing": thing,
                "seed": seed,
                "confidence": dict(zip(chosen, probability_of(thing, pictures).tolist(), strict=True)),
                "moved": dict(zip(chosen, moved(pictures, pictures[[0]]).tolist(), strict=True)),
            }
        )
    return records


def readings(pipeline: Any) -> dict[str, Model]:
    chunked = {name: load_model(pipeline, long_prompts="chunks", chunk_masses=name) for name in CHUNK_MASSES}
    return {"truncate": load_model(pipeline), **chunked}


def background_words(scene: Scene, rng: np.random.Generator) -> Iterator[str]:
    """Phrases about the background alone, without end."""
    while True:
        phrases = choose_phrases(scene, rng)
        yield f"{phrases['on']}, {phrases['backdrop']},"


def of_length(model: Model, tokens: int, scene: Scene, *, before: str = "", after: str = "", seed: int = 0) -> str:
    """Words about the background between two texts, so that all together are so many tokens, or one or two fewer."""
    [encoder] = model.family.encoders
    words = (word for phrase in background_words(scene, np.random.default_rng(seed)) for word in phrase.split())
    text: list[str] = []
    while encoder.token_count(model.pipeline, " ".join([before, *text, word := next(words), after])) <= tokens:
        text.append(word)
    return " ".join([before, *text, after]).strip()


def long_records(model: Model, steps: int, count: int) -> list[dict[str, Any]]:
    records = []
    for seed, scene in enumerate(tqdm([*scenes(count, objects=1, seed=2)], "long prompts")):
        prompts = [of_length(model, tokens, scene, after=plain_caption(scene), seed=seed) for tokens in LENGTHS]
        for name, reader in readings(model.pipeline).items():
            encoded = reader.encode([plain_caption(scene), *prompts])
            pictures = reader.render(encoded, Sampling(seed=seed, num_inference_steps=steps))
            confidence = probability_of(scene.objects[0], pictures).tolist()
            records.append(
                {
                    "scene": asdict(scene),
                    "seed": seed,
                    "reading": name,
                    "confidence_short": confidence[0],
                    "confidence": confidence[1:],
                }
            )
    return records


def boundary_records(model: Model, steps: int, count: int) -> list[dict[str, Any]]:
    """One more word where there is room, against one more word that begins a chunk."""
    [encoder] = model.family.encoders
    positions = encoder.positions(model.pipeline)
    records = []
    for seed, scene in enumerate(tqdm([*scenes(count, objects=1, seed=3)], "boundary")):
        sampling = Sampling(seed=seed, num_inference_steps=steps)
        short, full = (
            of_length(model, tokens, scene, before=f"{plain_caption(scene)},", seed=seed)
            for tokens in (ROOM, positions)
        )
        while encoder.token_count(model.pipeline, full) < positions:
            full += ","
        changes = {}
        for name, reader in readings(model.pipeline).items():
            pairs = {"room": (short, f"{short} a")} if name == "truncate" else {name: (full, f"{full} a")}
            for which, pair in pairs.items():
                before, after = reader.render(reader.encode(pair), sampling)
                changes[which] = float(perceptual_distance("lpips", before[None], after[None])[0])
            if name != "truncate":
                breaking = replace(reader, reading=replace(reader.reading, syntax="weighted"))
                pair = (plain_caption(scene), f"{plain_caption(scene)} BREAK a")
                before, after = breaking.render(breaking.encode(pair), sampling)
                changes[f"break, {name}"] = float(perceptual_distance("lpips", before[None], after[None])[0])
        records.append({"scene": asdict(scene), "seed": seed, "changes": changes})
    return records


PARTS = {
    "weight": weight_records,
    "wide": wide_records,
    "where": where_records,
    "long": long_records,
    "boundary": boundary_records,
}


@click.command(context_settings={"show_default": True})
@click.option("--scenes", "count", default=24)
@click.option("--steps", default=20, help="Sampling steps for each image.")
@click.option("--only", help="One of the parts; the others in the file are kept.  [default: all]")
@click.option("--out", type=click.Path(path_type=Path), default=Path("figures/weights/records.json"))
def main(count: int, steps: int, only: str | None, out: Path) -> None:
    """Render, ask the judge, and write the records."""
    model = load_model()
    content: dict[str, Any] = {
        "model_sha256": model.fingerprint,
        "sampling": asdict(Sampling(num_inference_steps=steps).resolved(model.defaults)),
        "versions": versions(),
        "weights": WEIGHTS,
        "wide_weights": WIDE,
        "lengths": LENGTHS,
    }
    if only:
        content = json.loads(out.read_text(encoding="utf-8")) | content
    for name, measure in PARTS.items():
        if only not in (None, name):
            continue
        content[name] = measure(model, steps, count)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
