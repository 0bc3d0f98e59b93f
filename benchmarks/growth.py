"""Time and memory against N, and rivals' times, drawn from records: ``python -m benchmarks.growth``.

The records are ``python -m benchmarks.neighbours --json …`` and ``python -m benchmarks.pairwise --json …``.
"""

import json
from pathlib import Path

import click
import numpy as np
from matplotlib.axes import Axes

from benchmarks.neighbours import growth
from whichway.analysis.pictures.style import new_figure

FOLDER = Path("docs/performance")
ALLOWED = 1.15  # exponent of time, and
MEMORY = 3.0  # GiB: the aims of neighbours
LEAST = 3.0  # times as fast as POT's loop: the aim of all pairs
OURS, THEIRS, AIM = "#0072B2", "#999999", "#D55E00"


def draw_time(axis: Axes, rows: list[dict]) -> None:
    """Time and solved pairs against N, as multiples of those at the smallest N, in logarithms, with the aim's slope."""
    counts = np.array([row["count"] for row in rows])
    for name, label, style in (("seconds", "time", "o-"), ("solved", "pairs solved", "s--")):
        values = np.array([row[name] for row in rows])
        exponent = growth(list(counts), list(values))
        axis.loglog(counts, values / values[0], style, color=OURS, label=f"{exponent:.2f} measured, {label}")
    axis.loglog(counts, (counts / counts[0]) ** ALLOWED, "--", color=AIM, label=f"{ALLOWED} allowed")
    axis.loglog(counts, (counts / counts[0]) ** 2, ":", color=THEIRS, label="2, as of all pairs")
    axis.legend(title="∝ N to the power of", fontsize=8, title_fontsize=8)
    axis.set(xlabel="prompts N", ylabel=f"times that of N = {counts[0]:,}", title="nearest neighbours: time")
    axis.set_xticks(counts, [f"{count:,}" for count in counts], rotation=30)
    axis.yaxis.set_major_formatter("{x:g}")
    axis.minorticks_off()


def draw_memory(axis: Axes, rows: list[dict], megabytes: float) -> None:
    """The process's largest memory, beside the clouds that it reads from disk."""
    counts = np.array([row["count"] for row in rows])
    axis.plot(counts, [row["gibibytes"] for row in rows], "o-", color=OURS, label="memory of the process")
    axis.plot(counts, counts * megabytes / 1024, ":", color=THEIRS, label="clouds on disk, float32")
    axis.axhline(MEMORY, linestyle="--", color=AIM, label="allowed")
    axis.set(xlabel="prompts N", ylabel="GiB", title="nearest neighbours: memory", ylim=(0, None))
    axis.legend(fontsize=8)


def draw_rivals(axis: Axes, record: dict) -> None:
    """How many times as long as ours each of the others takes for all pairs."""
    ours, *others = record["seconds"].items()
    names, ratios = zip(*[(name, seconds / ours[1]) for name, seconds in others], strict=True)
    bars = axis.barh(names, ratios, color=[OURS if "alone" in name else THEIRS for name in names])
    axis.bar_label(bars, fmt="%.1f", padding=2)
    axis.axvline(LEAST, linestyle="--", color=AIM)
    axis.invert_yaxis()
    axis.set(xlabel="times as long as pairwise_wasserstein()", title=f"all pairs of {record['count']} prompts")
    axis.margins(x=0.12)


@click.command(context_settings={"show_default": True})
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, help="Of the records and the figure.")
def main(folder: Path) -> None:
    """Draw growth.png from neighbours.json and pairwise.json."""
    neighbours, pairs = (
        json.loads((folder / f"{name}.json").read_text("utf-8")) for name in ("neighbours", "pairwise")
    )
    figure = new_figure(13, 4)
    time_axis, memory_axis, rivals_axis = figure.subplots(1, 3)
    draw_time(time_axis, neighbours["measured"])
    draw_memory(memory_axis, neighbours["measured"], 77 * neighbours["width"] * 4 / 2**20)
    draw_rivals(rivals_axis, pairs)
    clock = "processor seconds" if neighbours["clock"] == "process_time" else "seconds"
    figure.suptitle(f"n = 77, d = {neighbours['width']}, {neighbours['threads']} thread, {clock}", fontsize=10)
    figure.savefig(folder / "growth.png")


if __name__ == "__main__":
    main()
