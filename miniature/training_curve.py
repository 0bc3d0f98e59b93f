"""The log of a denoiser's training → a figure: the loss at pure noise against its floors, and what the judge saw."""

import json
from pathlib import Path

#: what the judge was asked of its samples → how the figure calls it
CURVES = {
    "one: objects": "one object: the object",
    "one: position": "one object: its place",
    "one: size": "one object: its size",
    "two: objects": "two objects: both",
    "two: arrangement": "two objects: their arrangement",
}


def read_log(path: Path) -> tuple[dict[str, float], list[dict]]:
    """The floors of the loss at pure noise (the log's first record) and the records of training."""
    first, *records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return first["floors"], records


def draw_training_curve(log: Path, picture: Path) -> None:
    """Draw ``log`` into ``picture``: images seen against loss, and against the judge's shares."""
    from matplotlib.figure import Figure

    floors, records = read_log(log)
    losses = [record for record in records if "pure_noise" in record]
    probes = [record for record in records if "one: objects" in record]
    figure = Figure(figsize=(10, 4), dpi=130, layout="constrained")
    loss, judged = figure.subplots(1, 2)
    loss.plot([r["images"] / 1000 for r in losses], [r["pure_noise"] for r in losses], color="black", linewidth=0.8)
    for known, floor in floors.items():
        loss.axhline(floor, color="gray", linestyle="--", linewidth=0.8)
        loss.annotate(f"knows the {known}", (1, floor), xycoords=("axes fraction", "data"), ha="right", va="bottom")
    loss.set(xlabel="thousand images seen", ylabel="loss at pure noise", title="Loss at pure noise, and its floors")
    for (question, label), marker in zip(CURVES.items(), "os^Dv", strict=True):
        judged.plot([r["images"] / 1000 for r in probes], [r[question] for r in probes], marker=marker, label=label)
    judged.set(xlabel="thousand images seen", ylabel="share", ylim=(0, 1.03), title="Samples, read by the judge")
    judged.legend(loc="lower right")
    figure.savefig(picture)
