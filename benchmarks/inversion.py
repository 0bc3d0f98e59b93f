"""How well are painted scenes inverted that the miniature never saw? ``python -m benchmarks.inversion``.

Scenes of held-out combinations, painted, and looked for with ``whichway invert``'s search; beside each what its
autoencoder keeps, what its true caption's image has in common with it, and how far the cloud lies from the true
caption's. Then one path between two inverted scenes against the path between their captions. Ten minutes on one core;
interrupted, it goes on. The record and the pictures go to figures/inversion/.
"""

from dataclasses import asdict
from itertools import combinations
from pathlib import Path

import click
import numpy as np
from PIL import Image

from whichway.analysis.files import write_json, written_whole
from whichway.analysis.images.sampling import Sampling
from whichway.analysis.inversion.autoencoder import psnr
from whichway.analysis.inversion.settings import InversionSettings
from whichway.analysis.models.model import Model, load_model
from whichway.analysis.prompts.world_pairs import is_for_tuning
from whichway.analysis.runs.comparison import compare
from whichway.analysis.runs.comparison_settings import ComparisonSettings
from whichway.analysis.runs.inversion import INVERTED, PHOTOGRAPH, RECONSTRUCTION, Inversion, invert
from whichway.analysis.runs.saved_comparison import read_comparison
from whichway.analysis.smoothness.perceptual_distance import perceptual_distance
from whichway.geometry import wasserstein
from whichway.miniature.captions import plain_caption
from whichway.miniature.painter import paint
from whichway.miniature.world import Scene, sample_scene

FOLDER, RECORDS = Path("runs") / "inversion-benchmark", Path("figures") / "inversion"
SEED = 20
METHODS = ("identity", "optimal")
FRAMES = 7


@click.command()
@click.option("--scenes", "count", default=12)
@click.option("--steps", default=6, help="Sampling steps.")
@click.option("--iterations", default=36)
def main(count: int, steps: int, iterations: int) -> None:
    """Paint, invert, measure; write figures/inversion/."""
    model, sampling = load_model(), Sampling(num_inference_steps=steps)
    scenes, records, pictures = held_out_scenes(count), [], []
    for index, (scene, pixels) in enumerate(scenes):
        photograph = FOLDER / f"scene{index:02}.png"
        with written_whole(photograph) as aside:
            Image.fromarray(pixels).save(aside)
        settings = InversionSettings(str(photograph), trial=4, iterations=iterations, sampling=sampling)
        inversion = invert(settings, model=model, out=FOLDER / f"scene{index:02}", report=click.echo)
        click.echo(inversion)
        records.append(measured(model, scene, inversion, sampling))
        names = (PHOTOGRAPH, RECONSTRUCTION, INVERTED)
        pictures.append(np.concatenate([np.asarray(Image.open(inversion.folder / name)) for name in names], axis=1))
    captions = [record["caption"] for record in records]
    content = {
        "scenes": records,
        "wasserstein_between_captions": between(model, captions),
        "paths": measured_paths(model, records, sampling),
        "sampling": asdict(sampling.resolved(model.defaults)),
        "model": {"name": model.name, **model.identity},
        "settings": {"trial": 4, "iterations": iterations, "step": settings.step, "penalty": settings.penalty},
    }
    save(RECORDS / "scenes.png", np.concatenate(pictures))
    write_json(RECORDS / "records.json", content)


def held_out_scenes(count: int) -> list[tuple[Scene, np.ndarray]]:
    """Scenes that no training has seen, nor the captions from which searches start; with a picture of each."""
    rng, scenes = np.random.default_rng(SEED), list[tuple[Scene, np.ndarray]]()
    while len(scenes) < count:
        scene = sample_scene(rng, held_out=True)
        if not is_for_tuning(scene) and scene not in [other for other, _ in scenes]:
            scenes.append((scene, np.asarray(paint(scene, rng))))
    return scenes


def measured(model: Model, scene: Scene, inversion: Inversion, sampling: Sampling) -> dict:
    """What the inversion says, and how it stands to the true caption."""
    caption = plain_caption(scene)
    [true] = model.encode([caption])
    pixels = np.asarray(Image.open(inversion.folder / PHOTOGRAPH))
    image = model.render([true], sampling)
    [distance] = perceptual_distance("lpips", pixels[None], image)
    [start] = model.encode([inversion.record["start"]])
    return {
        "caption": caption,
        "start": inversion.record["start"],
        "inverted": inversion.record["inverted"],
        "autoencoder": inversion.record["autoencoder"],
        "caption_image": {"psnr": psnr(pixels, image[0]), "distance": float(distance)},
        "wasserstein": wasserstein(inversion.conditioning.cloud, true.cloud),
        "wasserstein_of_start": wasserstein(start.cloud, true.cloud),
        "seconds": inversion.record["seconds"],
        "objectives": inversion.record["objectives"],
    }


def between(model: Model, captions: list[str]) -> list[float]:
    """W_2 between the clouds of every two different captions."""
    clouds = [each.cloud for each in model.encode(captions)]
    return [wasserstein(a, b) for a, b in combinations(clouds, 2)]


def measured_paths(model: Model, records: list[dict], sampling: Sampling) -> dict:
    """Between the two scenes that were inverted as well as the middle of them all: by inversions, and by captions."""
    by_distance = sorted(range(len(records)), key=lambda k: records[k]["inverted"]["distance"])
    middle = sorted(by_distance[len(records) // 2 - 1 : len(records) // 2 + 1])
    inversions, captions = [f"@{FOLDER / f'scene{k:02}'}" for k in middle], [records[k]["caption"] for k in middle]
    paths: dict = {"scenes": middle}
    for kind, ends in {"inversions": inversions, "captions": captions}.items():
        settings = ComparisonSettings(ends[0], ends[1], methods=METHODS, frames=FRAMES, sampling=sampling)
        comparison = compare(settings, model=model, out=FOLDER / f"path-{kind}", report=click.echo)
        frames = read_comparison(comparison.folder).rendered.frames
        save(RECORDS / f"path-{kind}.png", np.concatenate([np.concatenate([*frames[m]], axis=1) for m in METHODS]))
        paths[kind] = {
            "wasserstein": comparison.distances["wasserstein"],
            "methods": {name: result.as_json() for name, result in comparison.results.items()},
            "endpoint_check": comparison.endpoint_check.as_json(),
        }
    return paths


def save(path: Path, pixels: np.ndarray) -> None:
    with written_whole(path) as aside:
        Image.fromarray(pixels).save(aside)


if __name__ == "__main__":
    main()
