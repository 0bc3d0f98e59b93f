"""How good is the miniature? ``python -m whichway.miniature.evaluate``: a table in the model card, and a contact sheet.

Everything is measured on scenes drawn with a seed of their own. "Trained" and "held out" name combinations of objects,
backgrounds and relations (:func:`whichway.miniature.world.is_held_out`); no picture of either was ever a training
picture.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from scipy.stats import binomtest
from tqdm.auto import trange

from whichway.geometry import PointCloud, optimal_coupling, random_coupling, rms_frobenius, wasserstein
from whichway.geometry.distance import transport_cost
from whichway.miniature import CHECKPOINTS, MODEL
from whichway.miniature.captions import describe, plain_caption
from whichway.miniature.contact_sheet import draw_contact_sheet
from whichway.miniature.judge import NOT_ASKED, Judge, right_answers, train_judge
from whichway.miniature.painter import paint
from whichway.miniature.train_autoencoder import to_unit_range
from whichway.miniature.train_towers import tokenize
from whichway.miniature.training import pick_device
from whichway.miniature.world import Scene, sample_scene

SEED = 2_511_12757
CARD = Path(__file__).parent / "MODEL_CARD.md"
SHEET = Path(__file__).parent / "contact_sheet.png"
BEGIN, END = "<!-- evaluation: begin -->", "<!-- evaluation: end -->"


@dataclass(frozen=True)
class Share:
    """How many of how many, with a 95 % Wilson interval."""

    right: int
    asked: int

    def __str__(self) -> str:
        interval = binomtest(self.right, self.asked).proportion_ci(method="wilson")
        return f"{self.right / self.asked:.1%} ({interval.low:.1%} – {interval.high:.1%}, n = {self.asked})"


def draw_scenes(count: int, *, held_out: bool, two_objects: float, seed: int) -> list[Scene]:
    rng = np.random.default_rng([SEED, seed])
    return [sample_scene(rng, held_out=held_out, two_objects=two_objects) for _ in range(count)]


def paint_all(scenes: Sequence[Scene], seed: int) -> np.ndarray:
    rng = np.random.default_rng([SEED, seed])
    return np.stack([paint(scene, rng) for scene in scenes])


# --- the three parts -------------------------------------------------------------------------------------------------


@torch.inference_mode()
def reconstruction_psnr(pipeline, count: int = 256) -> float:
    """Mean over held-out scenes of the peak signal-to-noise ratio of decode(encode(picture)), in dB."""
    pictures = paint_all(draw_scenes(count, held_out=True, two_objects=0.5, seed=1), 2)
    values = []
    for first in range(0, count, 32):
        wanted = pictures[first : first + 32]
        latents = pipeline.vae.encode(to_unit_range(wanted).to(pipeline.vae.device)).latent_dist.mean
        seen = (
            ((pipeline.vae.decode(latents).sample.clamp(-1, 1) + 1) * 127.5).round().permute(0, 2, 3, 1).cpu().numpy()
        )
        error = np.square(seen - wanted.astype(float)).mean(axis=(1, 2, 3))
        values += list(10 * np.log10(255**2 / error))
    return float(np.mean(values))


@torch.inference_mode()
def caption_retrieval(pipeline, vision_folder: Path, count: int = 200) -> tuple[Share, Share]:
    """Of ``count`` held-out scenes: how often a caption finds its picture first, and a picture its caption."""
    from transformers import CLIPVisionModelWithProjection

    vision = CLIPVisionModelWithProjection.from_pretrained(vision_folder, dtype=torch.float32).eval()
    projection = load_file(vision_folder / "text_projection.safetensors")["text_projection.weight"].float()
    scenes = draw_scenes(count, held_out=True, two_objects=0.5, seed=3)
    rng = np.random.default_rng([SEED, 4])
    ids = tokenize(pipeline.tokenizer, [describe(scene, rng) for scene in scenes])
    text = pipeline.text_encoder(ids.to(pipeline.text_encoder.device)).pooler_output.cpu() @ projection.T
    images = vision(to_unit_range(paint_all(scenes, 5))).image_embeds
    similarity = F.normalize(text, dim=1) @ F.normalize(images, dim=1).T
    own = torch.arange(count)
    return tuple(Share(int((s.argmax(dim=1) == own).sum()), count) for s in (similarity, similarity.T))  # type: ignore


@torch.inference_mode()
def coupling_figures(pipeline, pairs: int = 200) -> dict[str, float]:
    """On pairs of held-out captions: W_2 / RMS Frobenius, share of rows moved, random / identity length."""
    scenes = draw_scenes(2 * pairs, held_out=True, two_objects=0.5, seed=6)
    rng = np.random.default_rng([SEED, 7])
    ids = tokenize(pipeline.tokenizer, [describe(scene, rng) for scene in scenes])
    rows = pipeline.text_encoder(ids.to(pipeline.text_encoder.device)).last_hidden_state.float().cpu()
    clouds = [PointCloud(matrix) for matrix in rows]
    figures = []
    for a, b in zip(clouds[::2], clouds[1::2], strict=True):
        identity = rms_frobenius(a, b)
        random = transport_cost(a, b, random_coupling(a, b))
        figures.append((wasserstein(a, b) / identity, optimal_coupling(a, b).share_moved, random / identity))
    names = ("W_2 / RMS Frobenius", "share of rows moved", "random / identity length")
    return dict(zip(names, np.mean(figures, axis=0).tolist(), strict=True))


# --- generated images under the judge --------------------------------------------------------------------------------


def generate(
    pipeline, scenes: Sequence[Scene], *, steps: int, guidance: float, batch: int = 16
) -> tuple[np.ndarray, float]:
    """Images of the scenes' plain captions, (n, 64, 64, 3) uint8, and seconds for each."""
    images, started = [], time.perf_counter()
    for first in trange(0, len(scenes), batch, desc="images"):
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
    """How often the judge sees what the scene says: each question, and all objects at once."""
    said, right = judge.answer(pictures), right_answers(scenes)
    shares = {}
    for name in right:
        asked = right[name] != NOT_ASKED
        if asked.any():
            shares[name] = Share(int((said[name] == right[name])[asked].sum()), int(asked.sum()))
    both = (said["first"] == right["first"]) & (said["second"] == right["second"])
    return shares | {"objects": Share(int(both.sum()), len(scenes))}


@click.command(context_settings={"show_default": True})
@click.option("--model", default=MODEL, type=click.Path(path_type=Path), help="The pipeline's folder.")
@click.option("--checkpoints", default=CHECKPOINTS, type=click.Path(path_type=Path), help="Where the judge is kept.")
@click.option("--scenes", default=200, help="Generated images of each of the four kinds.")
@click.option("--steps", default=20, help="DDIM steps.")
@click.option("--guidance", default=3.0, help="Classifier-free guidance scale.")
@click.option("--card/--no-card", default=True, help="Write the table into the model card, and the sheet beside it.")
def main(model: Path, checkpoints: Path, scenes: int, steps: int, guidance: float, card: bool) -> None:
    """Measure the shipped weights, part by part."""
    from diffusers import StableDiffusionPipeline

    judge = train_judge(checkpoints)
    pipeline = StableDiffusionPipeline.from_pretrained(model, torch_dtype=torch.float32, use_safetensors=True)
    pipeline.to(pick_device()).set_progress_bar_config(disable=True)

    rows: list[tuple[str, str]] = [("autoencoder: PSNR on held-out scenes", f"{reconstruction_psnr(pipeline):.1f} dB")]
    by_caption, by_picture = caption_retrieval(pipeline, model.parent / "vision_tower")
    rows += [("towers: picture found by caption, among 200", str(by_caption))]
    rows += [("towers: caption found by picture, among 200", str(by_picture))]
    rows += [(f"text tower: {name}", f"{value:.3f}") for name, value in coupling_figures(pipeline).items()]

    real = draw_scenes(1000, held_out=False, two_objects=0.5, seed=8)
    on_real = judged(judge, paint_all(real, 9), real)
    rows += [(f"judge on real scenes: {name}", str(share)) for name, share in on_real.items()]

    kinds = {
        "one object, trained": {"held_out": False, "two_objects": 0.0},
        "one object, held out": {"held_out": True, "two_objects": 0.0},
        "two objects, trained": {"held_out": False, "two_objects": 1.0},
        "two objects, held out": {"held_out": True, "two_objects": 1.0},
    }
    seconds = []
    for seed, (kind, options) in enumerate(kinds.items()):
        wanted = draw_scenes(scenes, seed=10 + seed, **options)  # type: ignore[arg-type]
        images, each = generate(pipeline, wanted, steps=steps, guidance=guidance)
        seconds.append(each)
        questions = (
            ("objects", "background", "size", "position") if "one" in kind else ("objects", "arrangement", "background")
        )
        shares = judged(judge, images, wanted)
        rows += [(f"generated, {kind}: {name}", str(shares[name])) for name in questions]
    rows.append((f"seconds per image ({steps} steps, guidance {guidance:g}, batches of 16)", f"{np.mean(seconds):.2f}"))

    table = "\n".join(["| measure | value |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)])
    click.echo(table)
    if card:
        text = CARD.read_text(encoding="utf-8")
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        CARD.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")
        draw_contact_sheet(pipeline, SHEET, steps=steps, guidance=guidance)


if __name__ == "__main__":
    main()
