"""How good is the miniature? ``python -m whichway.miniature.evaluate``: the model card's tables, pictures, curve."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import torch

from whichway.miniature import CARD, CHECKPOINTS, MODEL
from whichway.miniature.contact_sheet import draw_contact_sheets
from whichway.miniature.evaluate_images import generate, judged, worst_confusions
from whichway.miniature.evaluate_parts import (
    Share,
    caption_retrieval,
    coupling_figures,
    draw_scenes,
    paint_all,
    reconstruction_psnr,
)
from whichway.miniature.judge import Judge, load_judge
from whichway.miniature.training import pick_device
from whichway.miniature.training_curve import draw_training_curve

HERE = Path(__file__).parent
EVALUATION = "evaluation.md"  # of a model that has no card, in its folder
LOG = HERE / "training_log.jsonl"
CURVE = HERE / "training_curve.png"
BEGIN, END = "<!-- evaluation: begin -->", "<!-- evaluation: end -->"
#: kind of scene → how its scenes are drawn
KINDS: dict[str, dict[str, Any]] = {
    "one object, trained": {"held_out": False, "two_objects": 0.0},
    "one object, held out": {"held_out": True, "two_objects": 0.0},
    "two objects, trained": {"held_out": False, "two_objects": 1.0},
    "two objects, held out": {"held_out": True, "two_objects": 1.0},
}
QUESTIONS = {
    "one": ("objects", "position", "size", "background", "drawn twice"),
    "two": ("objects", "arrangement", "background", "drawn twice"),
}
GUIDANCES = (1.0, 2.0, 3.0, 4.0, 5.0, 7.0)
STEPS = (5, 10, 20, 35, 50)


@click.command(context_settings={"show_default": True})
@click.option("--model", default=MODEL, type=click.Path(path_type=Path), help="The pipeline's folder.")
@click.option(
    "--checkpoints", default=CHECKPOINTS, type=click.Path(path_type=Path), help="Where the log of the training is."
)
@click.option("--scenes", default=400, help="Generated images of each of the four kinds.")
@click.option("--steps", default=20, help="DDIM steps.")
@click.option("--guidance", default=3.0, help="Classifier-free guidance scale.")
@click.option("--sweep/--no-sweep", default=True, help="Measure other guidance scales and numbers of steps too.")
@click.option("--card/--no-card", default=True, help="Write the tables into the model card, and the sheets beside it.")
def main(model: Path, checkpoints: Path, scenes: int, steps: int, guidance: float, sweep: bool, card: bool) -> None:
    """Measure the shipped weights, part by part; those of another model, into evaluation.md in its folder."""
    from diffusers import StableDiffusionPipeline

    judge = load_judge().to(pick_device())
    pipeline = StableDiffusionPipeline.from_pretrained(model, torch_dtype=torch.float32, use_safetensors=True)
    pipeline.to(pick_device()).set_progress_bar_config(disable=True)

    sections = [
        table(("measure", "value"), part_rows(pipeline, judge, MODEL.parent / "vision_tower")),
        *image_tables(pipeline, judge, scenes, steps, guidance),
    ]
    if sweep:
        sections += sweep_tables(pipeline, judge, scenes // 2, steps, guidance)
    text = "\n\n".join(sections)
    click.echo(text)
    if model.resolve() != MODEL.resolve():
        (model / EVALUATION).write_text(f"{text}\n", encoding="utf-8")
        return
    if card:
        before, after = CARD.read_text(encoding="utf-8").split(BEGIN)[0], CARD.read_text(encoding="utf-8").split(END)[1]
        CARD.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
        draw_contact_sheets(pipeline, HERE, steps=steps, guidance=guidance)
        if (checkpoints / "unet.jsonl").is_file():
            shutil.copy(checkpoints / "unet.jsonl", LOG)
        draw_training_curve(LOG, CURVE)


def part_rows(pipeline: Any, judge: Judge, vision_folder: Path) -> list[tuple[str, str]]:
    """The autoencoder, the towers, and the judge itself on painted scenes."""
    rows = [("autoencoder: PSNR on held-out scenes", f"{reconstruction_psnr(pipeline):.1f} dB")]
    by_caption, by_picture = caption_retrieval(pipeline, vision_folder)
    rows += [("towers: picture found by caption, among 200", str(by_caption))]
    rows += [("towers: caption found by picture, among 200", str(by_picture))]
    rows += [(f"text tower: {name}", f"{value:.3f}") for name, value in coupling_figures(pipeline).items()]
    painted = draw_scenes(1000, held_out=False, two_objects=0.5, seed=8)
    shares = judged(judge, paint_all(painted, 9), painted)
    return [*rows, *((f"judge on painted scenes: {question}", str(share)) for question, share in shares.items())]


def image_tables(pipeline: Any, judge: Judge, scenes: int, steps: int, guidance: float) -> list[str]:
    """Images of plain captions under the judge, and the objects that are most often mistaken."""
    rows, seconds = [], []
    mistaken: list[tuple[str, str, Share]] = []
    for seed, (kind, options) in enumerate(KINDS.items()):
        drawn = draw_scenes(scenes, seed=10 + seed, **options)
        images, seconds_each = generate(pipeline, drawn, steps=steps, guidance=guidance)
        seconds.append(seconds_each)
        shares = judged(judge, images, drawn)
        rows += [(f"{kind}: {question}", str(shares[question])) for question in QUESTIONS[kind[:3]]]
        if kind == "one object, trained":
            mistaken = worst_confusions(judge, images, drawn)
    rows.append((f"seconds an image ({steps} steps, guidance {guidance:g}, batches of 16)", f"{sum(seconds) / 4:.2f}"))
    confusions = [(asked, instead, f"{share.right} of {share.asked}") for asked, instead, share in mistaken]
    return [
        table((f"generated images, {steps} steps, guidance {guidance:g}", "share (95 % interval, n)"), rows),
        table(("asked (one object, trained)", "drawn instead", "how often"), confusions),
    ]


def sweep_tables(pipeline: Any, judge: Judge, scenes: int, steps: int, guidance: float) -> list[str]:
    """The same for other guidance scales and other numbers of steps: what the defaults were chosen by."""
    columns = ("one object", "place", "size", "background", "both of two", "arrangement", "drawn twice")

    def row(setting: str, **options: Any) -> tuple[str, ...]:
        one, two = (
            judged(judge, generate(pipeline, drawn, **options)[0], drawn)
            for drawn in (draw_scenes(scenes, seed=14, **KINDS[kind]) for kind in list(KINDS)[::2])
        )
        shares = (one["objects"], one["position"], one["size"], one["background"], two["objects"], two["arrangement"])
        twice = Share(one["drawn twice"].right + two["drawn twice"].right, 2 * scenes)
        return setting, *(f"{share.right / share.asked:.0%}" for share in (*shares, twice))

    by_guidance = [row(f"{scale:g}", steps=steps, guidance=scale) for scale in GUIDANCES]
    by_steps = [row(f"{count}", steps=count, guidance=guidance) for count in STEPS]
    return [
        table((f"guidance ({steps} steps, {scenes} images of each kind)", *columns), by_guidance),
        table((f"steps (guidance {guidance:g}, {scenes} images of each kind)", *columns), by_steps),
    ]


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
