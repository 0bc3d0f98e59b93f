"""A map of many prompts from a store on disk, stage by stage: time and memory. ``python -m benchmarks.prompt_map``

The neighbours stay beside the clouds: a run that was interrupted goes on, and then tells no time of theirs.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.caption_clouds import WIDTH, captions, stored_caption_clouds
from benchmarks.neighbours import GIBIBYTE, peak_memory
from benchmarks.timing import Clock
from whichway.analysis.clouds.clusters import cluster_neighbours, cluster_words
from whichway.analysis.clouds.kept_neighbours import find_kept_neighbours
from whichway.analysis.clouds.map_memory import neighbours_memory
from whichway.analysis.clouds.projection import MAPPED_NEIGHBOURS, project_neighbours
from whichway.analysis.pictures.prompt_map import draw_map
from whichway.geometry import CloudStack


class Stages:
    """Seconds and the largest memory, in GiB, of each stage."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.measured = clock, dict[str, dict[str, float]]()

    def run(self, name: str, action: Callable[[], Any]) -> Any:
        started = self.clock()
        with peak_memory() as peak:
            result = action()
        self.measured[name] = {"seconds": self.clock() - started, "gibibytes": peak[0] / GIBIBYTE}
        click.echo(f"{name}: {self.measured[name]['seconds']:.1f} s, {self.measured[name]['gibibytes']:.2f} GiB")
        return result


@click.command(context_settings={"show_default": True})
@click.option("--count", default=2000, help="Prompts.")
@click.option("--clusters", default=8, help="Groups that are coloured and named.")
@click.option(
    "--store", type=click.Path(path_type=Path), default="runs/caption_clouds.npy", help="Where clouds are kept."
)
@click.option("--dask", help="Address of a scheduler, or a number of processes, that find the neighbours.")
@click.option(
    "--cpu-time", is_flag=True, help="Of the processor, not of the clock: on a busy machine, with one thread."
)
@click.option("--out", type=click.Path(path_type=Path), default="runs/prompt_map", help="Folder of maps and record.")
def main(count: int, clusters: int, store: Path, dask: str | None, cpu_time: bool, out: Path) -> None:
    """A map of captions, 77 rows of width 768, with and without groups."""
    prompts = captions(count)
    stack = CloudStack(stored_caption_clouds(count, store))
    out.mkdir(parents=True, exist_ok=True)
    stages = Stages(time.process_time if cpu_time else time.perf_counter)
    kept = out / f"neighbours-{count}{'-dask' if dask else ''}.npy"
    neighbours = stages.run("neighbours", lambda: find_kept_neighbours(stack, MAPPED_NEIGHBOURS, kept, dask=dask))
    projection = stages.run("projection", lambda: project_neighbours(stack, neighbours))
    groups = stages.run("clusters", lambda: cluster_neighbours(neighbours, clusters))
    drawn = stages.run("drawing", lambda: draw_map(projection, prompts, clusters=groups))
    drawn.savefig(out / f"map-{count}-clusters.png")
    np.savez(out / f"map-{count}.npz", points=projection.points, clusters=groups)
    record = {
        "count": count,
        "width": WIDTH,
        "clock": stages.clock.__name__,
        "pairs_solved": neighbours.solved,
        "share_solved": neighbours.share_solved,
        "stress": projection.stress,
        "trustworthiness": projection.trustworthiness,
        "estimated_gibibytes": neighbours_memory(count, *stack.shape) / GIBIBYTE,
        "stages": stages.measured,
        "clusters": [
            {"prompts": int(np.sum(groups == group)), "words": words}
            for group, words in enumerate(cluster_words(prompts, groups))
        ],
    }
    (out / f"map-{count}.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
